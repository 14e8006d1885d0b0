//! The worker's handler: runs an event's deliveries before the function's time limit.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{Function, HandlerError, Request};
use celeriac_aws::{Answer, Backend, Mapped, Message, Payload, QueueEvent, QueueRole, Taken, renew};
use celeriac_core::{
    ports::{Delivery, Invocation, Ports},
    protocol::put_aside,
    task::{Registry, States},
};
use futures::{FutureExt as _, future::BoxFuture};

use super::{event::Event, metrics::Metrics, proof::Proof};
use celeriac_worker::{AFTER_DEADLINE_MS, Report, Summary, Worker, WorkerOptions};

/// How long before the function's time limit it answers in any case: an answer costs less than being killed, and
/// unfinished parcels return at once.
const LAST_MS: u64 = 500;

/// How long before the time limit it stops waiting for its end to be counted.
const RELEASED_BY_MS: u64 = 200;

/// Handles the events of a worker's function.
#[derive(Debug)]
pub struct Handler {
    backend: Backend,
    ports: Ports,
    mapped: Mapped,
    proof: Proof,
    worker: Arc<Worker>,
    worn: AtomicBool,
    metrics: Option<Metrics>,
}

impl Handler {
    /// A worker of this stack, for these tasks.
    pub fn new(backend: Backend, registry: Arc<Registry>, states: States) -> Self {
        let (ports, writes) = (backend.ports(), backend.settings().metrics);
        let handler = Self::on(ports, backend, registry, states, WorkerOptions::default());
        if writes { handler.metrics_to(std::io::stdout()) } else { handler }
    }

    /// Writes the metrics of each invocation: a line of `CloudWatch`'s embedded metric format for each task of its
    /// parcels.
    #[must_use]
    pub fn metrics_to(mut self, out: impl Write + Send + 'static) -> Self {
        self.metrics = Some(Metrics::new(self.backend.settings().stack.clone(), out));
        self
    }

    /// The same on other ports than the stack's and without metrics, for tests. Events still name the stack's queues.
    pub fn on(
        mut ports: Ports,
        backend: Backend,
        registry: Arc<Registry>,
        states: States,
        options: WorkerOptions,
    ) -> Self {
        let mapped = Mapped::new(Arc::clone(&ports.queue));
        ports.queue = Arc::new(mapped.clone());
        let proof = Proof::new(Arc::clone(&ports.ledger), backend.brake());
        ports.ledger = Arc::new(proof.clone());
        let worker = Worker::new(registry, ports.clone(), states, options);
        Self { backend, ports, mapped, proof, worker, worn: AtomicBool::new(false), metrics: None }
    }

    async fn handle_deliveries(&self, payload: Payload, request: &Request) -> Result<(), HandlerError> {
        let Payload { deliveries, minute, shard, probe } = payload;
        let _probe = probe.then(|| self.proof.begin(request.holder(), request.function.clone()));
        self.run(deliveries, request).await?;
        // After a failure, the dispatcher that handles its report counts it.
        if let Some(minute) = minute {
            self.release((minute, shard), request).await;
        }
        Ok(())
    }

    /// Counts the end of an invocation, if there is time: being killed while doing so would be reported as a death. An
    /// uncounted end is forgotten when the lease of its launch ends.
    async fn release(&self, (minute, shard): (u64, u8), request: &Request) {
        let (clock, outstanding) = (&self.ports.clock, self.backend.outstanding());
        let left_ms = request.deadline_ms.saturating_sub(RELEASED_BY_MS).saturating_sub(clock.now_ms());
        tokio::select! {
            biased;
            () = outstanding.release(minute, shard) => {}
            () = clock.sleep(Duration::from_millis(left_ms)) => {
                tracing::debug!(left_ms = RELEASED_BY_MS, "an invocation counts as outstanding until its lease ends");
            }
        }
    }

    async fn handle_messages(&self, event: &QueueEvent<'_>, request: &Request) -> Result<Answer, HandlerError> {
        let messages: Vec<_> = event
            .messages
            .iter()
            .map(|message| Ok(message.incoming(self.queue(message)?)))
            .collect::<Result<_, HandlerError>>()?;
        let Taken { due: deliveries, aside } = self.backend.take(messages).await;
        put_aside(&self.ports, aside).await;
        let mapped = self.mapped.begin(&deliveries);
        let deliveries = renew(&*self.ports.queue, deliveries, self.ports.clock.now_ms()).await;
        self.hide(&deliveries, request).await;
        if let Err(error) = self.run(deliveries, request).await {
            // Settled parcels are done; the others stay.
            tracing::error!("{error}");
        }
        Ok(event.answer(&mapped.end()))
    }

    fn queue(&self, message: &Message<'_>) -> Result<Arc<str>, HandlerError> {
        let stack = &self.backend.settings().stack;
        match stack.role_of(message.sqs()) {
            Some(QueueRole::Work(queue)) => Ok(queue),
            _ => Err(HandlerError::Queue { sqs: message.sqs().to_owned(), stack: stack.clone() }),
        }
    }

    /// Hides messages for as long as they may be claimed, unless that is short. A mapped queue hides them for six times
    /// the function's time limit. After a crash that is a long wait, but for calls of seconds the request is expensive.
    async fn hide(&self, deliveries: &[Delivery], request: &Request) {
        let until_ms = request.deadline_ms + AFTER_DEADLINE_MS;
        if until_ms > self.ports.clock.now_ms() + self.ports.profile.lease_ms {
            put_aside(&self.ports, deliveries.iter().map(|delivery| delivery.hidden(until_ms)).collect()).await;
        }
    }

    /// Runs deliveries until shortly before the function's time limit.
    async fn run(&self, deliveries: Vec<Delivery>, request: &Request) -> Result<(), HandlerError> {
        let clock = &self.ports.clock;
        let (began_us, parcels) = (clock.monotonic_us(), deliveries.len());
        let left_ms = request.deadline_ms.saturating_sub(LAST_MS).saturating_sub(clock.now_ms());
        let run = async {
            let deliveries = self.backend.resolve(deliveries).await?;
            Ok(self.worker.run_as(request.holder(), Invocation::of(deliveries), Some(request.deadline_ms)).await)
        };
        let report: Result<Report, HandlerError> = tokio::select! {
            biased;
            ran = run => ran,
            () = clock.sleep(Duration::from_millis(left_ms)) => {
                // Requests may still be in flight, and must not arrive in another invocation.
                self.worn.store(true, Ordering::Relaxed);
                Err(HandlerError::OutOfTime { parcels, left_ms: LAST_MS })
            }
        };
        let Report { summary, settled, .. } = report?;
        let took_ms = clock.monotonic_us().saturating_sub(began_us) / 1000;
        if let Some(metrics) = &self.metrics {
            metrics.write(&settled, clock.now_ms());
        }
        let Summary { parcels, unsettled, aside, calls, succeeded, dead, retries, handed_on } = summary;
        tracing::info!(parcels, aside, unsettled, calls, succeeded, dead, retries, handed_on, took_ms, "ran");
        Ok(())
    }
}

impl Function for Handler {
    /// A dispatcher does not wait, so it gets no answer.
    fn handle<'a>(
        &'a self,
        event: &'a str,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Option<Answer>, HandlerError>> {
        async move {
            let handled = match Event::read(event).map_err(|error| HandlerError::Event(error.into()))? {
                Event::Deliveries(payload) => self.handle_deliveries(payload, request).await.map(|()| None),
                Event::Messages(messages) => self.handle_messages(&messages, request).await.map(Some),
            };
            let blocked = self.worker.blocked_threads();
            if blocked > 0 {
                tracing::warn!(
                    blocked,
                    "calls block their threads for ever: this process ends, the next event starts another"
                );
                self.worn.store(true, Ordering::Relaxed);
            }
            handled
        }
        .boxed()
    }

    fn is_worn(&self) -> bool {
        self.worn.load(Ordering::Relaxed)
    }
}
