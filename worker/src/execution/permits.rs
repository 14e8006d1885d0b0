//! How many calls run at a time: of one parcel, of plain functions together, and of the whole worker.

use std::sync::Arc;

use celeriac_core::task::{Body, TaskDef};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::WorkerOptions;

/// The limits that the parcels of a worker share.
#[derive(Debug)]
pub(crate) struct Limits {
    calls: Option<Limit>,
    /// For plain functions whose task says nothing: each keeps a processor busy, as far as the worker knows.
    plain: Limit,
}

/// So many at a time.
#[derive(Clone, Debug)]
struct Limit {
    most: u32,
    free: Arc<Semaphore>,
}

/// What a call of one parcel needs to run.
#[derive(Debug)]
pub(crate) struct Permits {
    /// The parcel's own first: who waits for one of the others must not hold what other parcels need.
    limits: Vec<Limit>,
}

/// One call may run until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    _held: Vec<OwnedSemaphorePermit>,
}

impl Limit {
    fn new(calls: usize) -> Self {
        let most = u32::try_from(calls).unwrap_or(u32::MAX).max(1);
        Self { most, free: Arc::new(Semaphore::new((most as usize).min(Semaphore::MAX_PERMITS))) }
    }
}

impl Limits {
    pub(crate) fn new(options: &WorkerOptions) -> Self {
        Self { calls: options.concurrency.map(Limit::new), plain: Limit::new(options.threads) }
    }

    /// For the calls of a parcel of this task.
    pub(crate) fn of(&self, def: &TaskDef) -> Permits {
        let mut limits = vec![Limit::new(def.options.concurrency as usize)];
        if matches!(def.body, Body::Blocking(_)) && !def.options.has_concurrency {
            limits.push(self.plain.clone());
        }
        limits.extend(self.calls.clone());
        Permits { limits }
    }
}

impl Permits {
    /// How many calls of the parcel may run at a time.
    pub(crate) fn most(&self) -> u32 {
        self.limits.iter().map(|limit| limit.most).min().unwrap_or(1)
    }

    /// Waits until another call may run. `None` never comes: the limits are not closed.
    pub(crate) async fn acquire(&self) -> Option<Permit> {
        let mut held = Vec::with_capacity(self.limits.len());
        for limit in &self.limits {
            held.push(Arc::clone(&limit.free).acquire_owned().await.ok()?);
        }
        Some(Permit { _held: held })
    }
}
