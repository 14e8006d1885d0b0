//! The queue port on SQS, with other services beyond SQS's limits.

use std::sync::{Arc, OnceLock};

use futures::future::{BoxFuture, FutureExt as _, join_all};

use super::{clients::Clients, lookup::Lookup, objects::Objects, reactor::Reactor, renew};
use celeriac_core::{
    ports::{Clock, Delivery, Depth, Entropy, Outgoing, PortError, Queue, Receive, SendError, Settlement},
    task::Registry,
};

/// The queue of a stack. Cheap to clone; all clones share one state.
#[derive(Clone)]
pub(super) struct Sqs {
    pub(super) access: Arc<Access>,
    /// Whether received parcels are complete: if not, parcels in the bucket stay there.
    pub(super) fetches: bool,
}

/// The state that all requests need.
pub(super) struct Access {
    pub(super) clients: Arc<Clients>,
    pub(super) reactor: Reactor,
    pub(super) lookup: Lookup,
    pub(super) objects: Option<Objects>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// The tasks of this program, for scheduled runs; looked up when one is due.
    tasks: OnceLock<Option<Registry>>,
}

impl Sqs {
    pub(super) fn new(
        clients: Arc<Clients>,
        reactor: Reactor,
        objects: Option<Objects>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let (lookup, tasks) = (Lookup::default(), OnceLock::new());
        let access = Access { clients, reactor, lookup, objects, clock, entropy, tasks };
        Self { access: Arc::new(access), fetches: true }
    }

    /// The same for readers that need only headers.
    pub(super) fn of_headers(&self) -> Self {
        Self { fetches: false, ..self.clone() }
    }

    /// Runs a request on the backend's own threads.
    async fn run<T, F>(&self, request: impl FnOnce(Arc<Access>) -> F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, PortError>> + Send + 'static,
    {
        self.access.reactor.run(request(Arc::clone(&self.access))).await
    }
}

impl Access {
    /// The tasks of this program; `None` if none are linked or two have the same name, which start-up reports.
    pub(super) fn tasks(&self) -> Option<&Registry> {
        self.tasks.get_or_init(|| Registry::linked().ok()).as_ref()
    }
}

impl Queue for Sqs {
    fn send(&self, messages: Vec<Outgoing>) -> BoxFuture<'_, Vec<Result<(), SendError>>> {
        async {
            let count = messages.len();
            let sent = self.run(|access| async move { Ok(access.send(messages).await) }).await;
            sent.unwrap_or_else(|error| vec![Err(error.into()); count])
        }
        .boxed()
    }

    fn receive(&self, request: Receive) -> BoxFuture<'_, Result<Vec<Delivery>, PortError>> {
        async {
            let deliveries = self.receive_for_one_who_waits(request).await?;
            Ok(renew(self, deliveries, self.access.clock.now_ms()).await)
        }
        .boxed()
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        async {
            let count = settlements.len();
            let settled = self.run(|access| async move { Ok(access.settle(settlements).await) }).await;
            settled.unwrap_or_else(|error| vec![Err(error); count])
        }
        .boxed()
    }

    fn depths(&self) -> BoxFuture<'_, Result<Vec<Depth>, PortError>> {
        async {
            self.run(|access| async move {
                let queues = access.queues().await?;
                join_all(queues.iter().map(|queue| access.depth(queue))).await.into_iter().collect()
            })
            .await
        }
        .boxed()
    }
}
