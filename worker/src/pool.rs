//! Workers in the process of the dispatcher: an [`Invoker`] that runs each invocation as a task of this runtime.

use std::sync::Arc;

use celeriac_core::{
    Lane, PerLane,
    ports::{Invocation, InvokeError, Invoker},
};
use futures::{FutureExt as _, future::BoxFuture};
use tokio::sync::Semaphore;

use crate::Worker;

/// A worker that runs a limited number of invocations at a time in each lane. A lane's slots are its own: a lone call
/// finds one free although a backlog of bulk parcels keeps all of theirs busy, and the other way round.
#[derive(Debug)]
pub struct Pool {
    worker: Arc<Worker>,
    slots: PerLane<usize>,
    free: PerLane<Arc<Semaphore>>,
}

impl Pool {
    /// A pool with this many slots in each lane, at least one.
    pub fn new(worker: Arc<Worker>, slots: PerLane<usize>) -> Arc<Self> {
        let slots = PerLane::new(|lane| (*slots.of(lane)).max(1));
        let free = PerLane::new(|lane| Arc::new(Semaphore::new(*slots.of(lane))));
        Arc::new(Self { worker, slots, free })
    }

    /// How many accepted invocations have not ended.
    pub fn outstanding(&self) -> usize {
        Lane::ALL.iter().map(|lane| self.slots.of(*lane) - self.free.of(*lane).available_permits()).sum()
    }
}

impl Invoker for Pool {
    fn room(&self, lane: Lane) -> BoxFuture<'_, usize> {
        async move {
            let free = self.free.of(lane);
            let permit = free.acquire().await;
            drop(permit);
            free.available_permits().max(1)
        }
        .boxed()
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        async {
            let free = Arc::clone(self.free.of(invocation.lane));
            let Ok(permit) = free.try_acquire_owned() else { return Err(InvokeError::Throttled) };
            let worker = Arc::clone(&self.worker);
            tokio::spawn(async move {
                worker.run(invocation, None).await;
                drop(permit);
            });
            Ok(())
        }
        .boxed()
    }
}
