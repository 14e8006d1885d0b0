//! Workers in the process of the dispatcher: an [`Invoker`] that runs each invocation as a task of this runtime.

use std::sync::Arc;

use celeriac_core::ports::{Invocation, InvokeError, Invoker};
use futures::{FutureExt as _, future::BoxFuture};
use tokio::sync::Semaphore;

use crate::Worker;

/// A worker that runs a limited number of invocations at a time.
#[derive(Debug)]
pub struct Pool {
    worker: Arc<Worker>,
    slots: usize,
    free: Arc<Semaphore>,
}

impl Pool {
    /// A pool with this many slots, at least one.
    pub fn new(worker: Arc<Worker>, slots: usize) -> Arc<Self> {
        let slots = slots.max(1);
        Arc::new(Self { worker, slots, free: Arc::new(Semaphore::new(slots)) })
    }

    /// How many accepted invocations have not ended.
    pub fn outstanding(&self) -> usize {
        self.slots - self.free.available_permits()
    }
}

impl Invoker for Pool {
    fn room(&self) -> BoxFuture<'_, usize> {
        async {
            let permit = self.free.acquire().await;
            drop(permit);
            self.free.available_permits().max(1)
        }
        .boxed()
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        async {
            let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else { return Err(InvokeError::Throttled) };
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
