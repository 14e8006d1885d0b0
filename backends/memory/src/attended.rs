//! Notes whether this process receives from a store, and so runs its calls.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use celeriac_core::ports::{Delivery, Depth, Outgoing, PortError, Queue, Receive, SendError, Settlement};
use futures::future::BoxFuture;

/// A queue that notes whether anything was received from it.
pub(super) struct Attended {
    pub(super) queue: Arc<dyn Queue>,
    pub(super) received: Arc<AtomicBool>,
}

impl Queue for Attended {
    fn send(&self, messages: Vec<Outgoing>) -> BoxFuture<'_, Vec<Result<(), SendError>>> {
        self.queue.send(messages)
    }

    fn receive(&self, request: Receive) -> BoxFuture<'_, Result<Vec<Delivery>, PortError>> {
        self.received.store(true, Ordering::Relaxed);
        self.queue.receive(request)
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        self.queue.settle(settlements)
    }

    fn depths(&self) -> BoxFuture<'_, Result<Vec<Depth>, PortError>> {
        self.queue.depths()
    }
}
