//! The dispatcher's handler: the role of the event's queue decides how its messages are handled.

use std::sync::Arc;

use crate::{Function, HandlerError, Request};
use celeriac_aws::{Answer, Backend, Brake, Cause, Mapped, Message, QueueEvent, QueueRole, Resolved, Taken, renew};
use celeriac_core::{
    ports::{Delivery, Invoker, Launcher, Ports},
    protocol,
    task::Registry,
    wire::Header,
};
use futures::{FutureExt as _, future::BoxFuture};

use super::{
    dead::{Buried, Came, drain},
    event::Event,
    failures,
};
use celeriac_dispatcher::{Dispatcher, DispatcherOptions, PATIENCE};

/// How long before the function's time limit waiting stops: by then all received messages must be launched or put back.
const LAST_MS: u64 = 10_000;

/// Handles the events of a dispatcher's function.
pub struct Handler {
    backend: Backend,
    ports: Ports,
    mapped: Mapped,
    dispatcher: Dispatcher,
    launcher: Arc<dyn Launcher>,
    brake: Brake,
}

impl Handler {
    /// A dispatcher of this stack. The tasks determine the memory of their workers.
    pub fn new(backend: Backend, registry: &Registry) -> Self {
        let launcher = Arc::new(backend.functions(registry));
        // Its mappings receive from the queues.
        let options = DispatcherOptions::new(Vec::<Arc<str>>::new());
        Self::on(backend.ports(), backend, launcher, options)
    }

    /// The same on other ports than the stack's, for tests. Events still name the stack's queues.
    pub fn on(mut ports: Ports, backend: Backend, launcher: Arc<dyn Launcher>, options: DispatcherOptions) -> Self {
        let mapped = Mapped::new(Arc::clone(&ports.queue));
        ports.queue = Arc::new(mapped.clone());
        let invoker = Arc::clone(&launcher) as Arc<dyn Invoker>;
        let dispatcher = Dispatcher::new(ports.clone(), invoker, options);
        let brake = backend.brake();
        Self { backend, ports, mapped, dispatcher, launcher, brake }
    }

    async fn handle_messages(&self, event: &QueueEvent<'_>, request: &Request) -> Result<Answer, HandlerError> {
        let stack = &self.backend.settings().stack;
        let Some(first) = event.messages.first() else { return Ok(Answer::default()) };
        match stack.role_of(first.sqs()) {
            Some(QueueRole::Work(queue)) => Ok(self.dispatch(event, &queue, request).await),
            Some(QueueRole::Failures) => Ok(self.take_failures(event).await),
            Some(QueueRole::Dead(queue)) => self.drain(event, &queue, request).await,
            None => Err(HandlerError::Queue { sqs: first.sqs().to_owned(), stack: stack.clone() }),
        }
    }

    /// Launches workers. Every message stays hidden in its queue until its parcel is finished.
    async fn dispatch(&self, event: &QueueEvent<'_>, queue: &Arc<str>, request: &Request) -> Answer {
        let messages = event.messages.iter().map(|message| message.incoming(Arc::clone(queue)));
        let Taken { due: deliveries, aside } = self.backend.take(messages).await;
        protocol::put_aside(&self.ports, aside).await;
        let now_ms = self.ports.clock.now_ms();
        let deliveries = renew(&*self.ports.queue, deliveries, now_ms).await;
        let is_over =
            |delivery: &Delivery| Header::peek(&delivery.body).is_ok_and(|header| header.not_after_ms < now_ms);
        let (over, deliveries): (Vec<_>, Vec<_>) = deliveries.into_iter().partition(is_over);
        self.end(over, queue, request).await;
        if !deliveries.is_empty() {
            let parcels = deliveries.len();
            let patience_ms = self.ports.clock.now_ms() + PATIENCE.as_millis() as u64;
            let until_ms = patience_ms.min(request.deadline_ms.saturating_sub(LAST_MS));
            let launched = self.dispatcher.dispatch_patiently(deliveries, until_ms, |most| self.reserve(most)).await;
            self.launcher.give_back().await;
            let celeriac_dispatcher::Launched { accepted, refused, unknown, buried, unsettled } = launched;
            tracing::info!(%queue, parcels, accepted, refused, unknown, buried, unsettled, "dispatched");
        }
        event.messages.iter().collect()
    }

    /// Ends parcels that are too old to run. A worker would do that too, but there may be none that begins.
    async fn end(&self, over: Vec<Delivery>, queue: &Arc<str>, request: &Request) {
        if over.is_empty() {
            return;
        }
        let resolved = match self.backend.find(over).await {
            Ok(resolved) => resolved,
            Err(error) => return tracing::warn!(%error, %queue, "parcels that are too old come again"),
        };
        let whole = resolved.found.into_iter().map(|delivery| (delivery, None));
        let over = whole.chain(resolved.gone.into_iter().map(|(delivery, why)| (delivery, Some(why))));
        let over = over.map(|(delivery, gone)| Buried { delivery, cause: Cause::Receives, gone, came: Came::TooOld });
        let drained = drain(&self.ports, &self.backend, &request.holder(), over.collect()).await;
        tracing::warn!(%queue, parcels = drained.parcels, left = drained.left, "ended parcels that were too old to run");
    }

    fn reserve(&self, most: usize) -> BoxFuture<'_, Option<usize>> {
        let warn = |error| tracing::warn!(%error, "no worker is launched; the parcels wait");
        async move { self.launcher.reserve(most).await.map_err(warn).ok() }.boxed()
    }

    /// Handles reports. Those that could not be handled stay.
    async fn take_failures(&self, event: &QueueEvent<'_>) -> Answer {
        let mut left = Vec::new();
        for message in &event.messages {
            if let Err(error) = failures::take(&self.ports, &*self.launcher, &self.brake, &message.body).await {
                tracing::warn!(%error, "the parcels of a dead worker wait until its lease ends");
                left.push(message);
            }
        }
        left.into_iter().collect()
    }

    /// Drains a dead-letter queue. Unreadable and unsettled messages stay.
    async fn drain(&self, event: &QueueEvent<'_>, queue: &str, request: &Request) -> Result<Answer, HandlerError> {
        let name: Arc<str> = format!("{queue}-dead").into();
        let deliver = |message: &Message<'_>| self.backend.delivery(message.incoming(Arc::clone(&name)));
        let deliveries: Vec<_> = event.messages.iter().map(deliver).collect();
        let mapped = self.mapped.begin(&deliveries);
        let cause = |delivery: &Delivery| {
            let message = event.messages.iter().find(|message| *message.receipt_handle == *delivery.receipt.0);
            message.map_or(Cause::Receives, Message::cause)
        };
        // The run of an unknown task is no parcel and never will be one.
        let (known, unknown): (Vec<_>, Vec<_>) = deliveries.into_iter().partition(|delivery| !delivery.body.is_empty());
        let Resolved { found, gone } = self.backend.find(known).await?;
        let whole = found.into_iter().chain(unknown).map(|delivery| (delivery, None));
        let buried = whole.chain(gone.into_iter().map(|(delivery, why)| (delivery, Some(why))));
        let buried =
            buried.map(|(delivery, gone)| Buried { cause: cause(&delivery), delivery, gone, came: Came::Buried });
        let drained = drain(&self.ports, &self.backend, &request.holder(), buried.collect()).await;
        tracing::warn!(
            queue,
            parcels = drained.parcels,
            again = drained.again,
            unreadable = drained.unreadable,
            left = drained.left,
            "drained a dead-letter queue: calls of parcels are dead letters now, parcels that no worker has run were \
             sent again, what is unreadable stays in it"
        );
        Ok(event.answer(&mapped.end()))
    }
}

impl Function for Handler {
    fn handle<'a>(
        &'a self,
        event: &'a str,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Option<Answer>, HandlerError>> {
        async move {
            let stack = &self.backend.settings().stack;
            match Event::read(event, stack).map_err(|error| HandlerError::Event(error.into()))? {
                Event::Messages(messages) => self.handle_messages(&messages, request).await.map(Some),
                Event::Sweep => Ok(protocol::pay_owed(&self.ports).await.map(|()| None)?),
            }
        }
        .boxed()
    }

    /// Nothing continues after its answer.
    fn is_worn(&self) -> bool {
        false
    }
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handler").field("backend", &self.backend).finish_non_exhaustive()
    }
}
