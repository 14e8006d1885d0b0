//! How many calls run at a time: of one parcel, of all plain functions, and of the whole worker.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use celeriac_core::{
    Lane, PerLane,
    task::{Body, TaskDef},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::seats::{Seat, Seats};
use crate::WorkerOptions;

/// The limits that the parcels of a worker share.
#[derive(Debug)]
pub(crate) struct Limits {
    calls: Option<Shared>,
    /// For plain functions whose task sets no `concurrency`. The worker assumes that each keeps a processor busy. Each
    /// lane has its own: an interactive call shares the processors with bulk calls instead of waiting for one to end.
    plain: PerLane<Limit>,
}

/// How many calls may run at a time.
#[derive(Clone, Debug)]
struct Limit {
    most: u32,
    free: Arc<Semaphore>,
}

/// A limit that both lanes share.
#[derive(Clone, Debug)]
struct Shared {
    most: u32,
    seats: Arc<Seats>,
}

/// The permits for the calls of one parcel.
#[derive(Debug)]
pub(crate) struct Permits {
    /// Acquired in this order, the parcel's own limit first. So a call that waits for its own parcel's limit holds no
    /// permit that other parcels need.
    limits: Vec<Limit>,
    /// Acquired last.
    shared: Option<Shared>,
    /// The lane of the parcel.
    lane: Lane,
    /// The permits of calls that are marked, or about to be marked, and have not started.
    reserved: Mutex<Vec<Permit>>,
    /// Whether a task waits for a permit to reserve.
    waits: AtomicBool,
}

/// The right to run one call, until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    _held: Vec<OwnedSemaphorePermit>,
    _seat: Option<Seat>,
}

impl Limit {
    fn new(calls: usize) -> Self {
        let most = u32::try_from(calls).unwrap_or(u32::MAX).max(1);
        Self { most, free: Arc::new(Semaphore::new((most as usize).min(Semaphore::MAX_PERMITS))) }
    }
}

impl Limits {
    pub(crate) fn new(options: &WorkerOptions) -> Self {
        let shared = |calls: usize| {
            let most = u32::try_from(calls).unwrap_or(u32::MAX).max(1);
            Shared { most, seats: Seats::new(most) }
        };
        Self { calls: options.concurrency.map(shared), plain: PerLane::new(|_| Limit::new(options.threads)) }
    }

    /// The permits for a parcel of this task, in this lane.
    pub(crate) fn of(&self, def: &TaskDef, lane: Lane) -> Permits {
        let mut limits = vec![Limit::new(def.options.concurrency as usize)];
        if matches!(def.body, Body::Blocking(_)) && !def.options.has_concurrency {
            limits.push(self.plain.of(lane).clone());
        }
        Permits { limits, shared: self.calls.clone(), lane, reserved: Mutex::default(), waits: AtomicBool::new(false) }
    }
}

impl Permits {
    /// How many calls of the parcel may run at a time.
    pub(crate) fn most(&self) -> u32 {
        self.limits
            .iter()
            .map(|limit| limit.most)
            .chain(self.shared.iter().map(|shared| shared.most))
            .min()
            .unwrap_or(1)
    }

    /// Reserves the permits that are free for up to `most` calls, before these are marked. Returns how many calls have
    /// a permit. A marked call that waits for a limit has not run, but after a crash the ledger cannot tell.
    pub(crate) fn reserve(&self, most: usize) -> usize {
        let mut reserved = self.reserved();
        reserved.truncate(most);
        while reserved.len() < most {
            let Some(permit) = self.try_acquire() else { break };
            reserved.push(permit);
        }
        reserved.len()
    }

    /// Whether the caller has to wait for a permit to reserve. `false` while another task waits for one, which keeps
    /// its turn.
    pub(crate) fn begins_to_wait(&self) -> bool {
        !self.waits.swap(true, Ordering::AcqRel)
    }

    /// Waits until one more call may run, and reserves its permit.
    pub(crate) async fn reserve_one(&self) {
        let permit = self.wait().await;
        self.reserved().extend(permit);
        self.waits.store(false, Ordering::Release);
    }

    /// Waits until another call may run. It never returns `None`, because the limits are not closed.
    pub(crate) async fn acquire(&self) -> Option<Permit> {
        if let Some(permit) = self.reserved().pop() {
            return Some(permit);
        }
        self.wait().await
    }

    fn try_acquire(&self) -> Option<Permit> {
        let held = self.limits.iter().map(|limit| Arc::clone(&limit.free).try_acquire_owned().ok());
        let held = held.collect::<Option<_>>()?;
        let seat = match &self.shared {
            Some(shared) => Some(shared.seats.try_take(self.lane)?),
            None => None,
        };
        Some(Permit { _held: held, _seat: seat })
    }

    fn reserved(&self) -> MutexGuard<'_, Vec<Permit>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait(&self) -> Option<Permit> {
        let mut held = Vec::with_capacity(self.limits.len());
        for limit in &self.limits {
            held.push(Arc::clone(&limit.free).acquire_owned().await.ok()?);
        }
        let seat = match &self.shared {
            Some(shared) => Some(shared.seats.take(self.lane).await),
            None => None,
        };
        Some(Permit { _held: held, _seat: seat })
    }
}
