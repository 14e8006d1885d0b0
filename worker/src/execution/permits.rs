//! How many calls run at a time: of one parcel, of plain functions together, and of the whole worker.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

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
    /// Taken in this order, the parcel's own limit first. A call that waits for its own parcel's limit then holds no
    /// permit that other parcels need.
    limits: Vec<Limit>,
    /// Those of calls that are marked, or about to be, and have not started.
    reserved: Mutex<Vec<Permit>>,
    /// Whether one to be reserved is being waited for.
    waits: AtomicBool,
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
        Permits { limits, reserved: Mutex::default(), waits: AtomicBool::new(false) }
    }
}

impl Permits {
    /// How many calls of the parcel may run at a time.
    pub(crate) fn most(&self) -> u32 {
        self.limits.iter().map(|limit| limit.most).min().unwrap_or(1)
    }

    /// Reserves what up to so many calls need that are to be marked before they start, as far as it is free. Answers for how
    /// many calls it has some. A call that is marked and waits for a limit has not run, and after a crash nobody knows.
    pub(crate) fn reserve(&self, most: usize) -> usize {
        let mut reserved = self.reserved();
        reserved.truncate(most);
        while reserved.len() < most {
            let Some(permit) = self.try_acquire() else { break };
            reserved.push(permit);
        }
        reserved.len()
    }

    /// Whether one to be reserved has to be asked for: not while one is being waited for, which keeps its turn.
    pub(crate) fn begins_to_wait(&self) -> bool {
        !self.waits.swap(true, Ordering::AcqRel)
    }

    /// Waits until one more call may run, and reserves that.
    pub(crate) async fn reserve_one(&self) {
        let permit = self.wait().await;
        self.reserved().extend(permit);
        self.waits.store(false, Ordering::Release);
    }

    /// Waits until another call may run. `None` never comes: the limits are not closed.
    pub(crate) async fn acquire(&self) -> Option<Permit> {
        if let Some(permit) = self.reserved().pop() {
            return Some(permit);
        }
        self.wait().await
    }

    fn try_acquire(&self) -> Option<Permit> {
        let held = self.limits.iter().map(|limit| Arc::clone(&limit.free).try_acquire_owned().ok());
        held.collect::<Option<_>>().map(|held| Permit { _held: held })
    }

    fn reserved(&self) -> MutexGuard<'_, Vec<Permit>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait(&self) -> Option<Permit> {
        let mut held = Vec::with_capacity(self.limits.len());
        for limit in &self.limits {
            held.push(Arc::clone(&limit.free).acquire_owned().await.ok()?);
        }
        Some(Permit { _held: held })
    }
}
