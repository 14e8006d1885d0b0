//! Calls that are polled one after the other, and how far they have come.
//!
//! One number stands between the sequence's driver and the run: how many calls the sequence has passed. The side that
//! moves the number says what becomes of the call there. So the run can take over a sequence whose thread is blocked:
//! it suspends the blocking call and starts another sequence for the rest. When the blocked poll returns, its driver
//! finds that the number has changed, continues with that one call, and leaves.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use super::{permits::Permit, start::Start, suspended::SuspendedCall};

/// No call is being polled.
pub(super) const IDLE: u64 = 1 << 32;
/// The driver has left the sequence.
pub(super) const LEFT: u64 = 1 << 33;
/// The run has taken the sequence over, or its driver broke off.
const TAKEN_OVER: u64 = 1 << 34;
/// The driver is reporting what became of the current call.
pub(super) const REPORTING: u64 = 1 << 35;

/// Calls to be started one after the other.
#[derive(Debug)]
pub(crate) struct Sequence {
    starts: Vec<Start>,
    /// No call starts from this time on.
    pub(super) closes_us: u64,
    generation: usize,
    /// How many calls the sequence has passed, and the flags above.
    at: AtomicU64,
    /// When the poll of the current call began.
    pub(super) since_us: AtomicU64,
    /// The thread that polls the sequence.
    pub(super) thread: AtomicU32,
    reported: AtomicU64,
    /// The call at which the sequence was taken over, until the poll of that call returns.
    blocking_call: Mutex<Option<Arc<SuspendedCall>>>,
    /// The permit under which its calls are polled.
    permit: Mutex<Option<Permit>>,
}

/// How far a sequence has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// How many of its calls the sequence has passed.
    pub(crate) passed: usize,
    /// When the poll of the current call began; `None` while no call is being polled.
    pub(crate) polling_since_us: Option<u64>,
    /// Whether the sequence was left or taken over, so that it does not start the rest.
    pub(crate) closed: bool,
}

impl Sequence {
    pub(crate) fn new(starts: Vec<Start>, closes_us: u64, generation: usize) -> Self {
        Self {
            starts,
            closes_us,
            generation,
            at: AtomicU64::new(IDLE),
            since_us: AtomicU64::new(0),
            thread: AtomicU32::new(0),
            reported: AtomicU64::new(0),
            blocking_call: Mutex::default(),
            permit: Mutex::default(),
        }
    }

    pub(crate) fn starts(&self) -> &[Start] {
        &self.starts
    }

    /// The generation of threads that polls the sequence.
    pub(crate) fn generation(&self) -> usize {
        self.generation
    }

    pub(crate) fn progress(&self) -> Progress {
        loop {
            let at = self.at.load(Ordering::Acquire);
            let since_us = self.since_us.load(Ordering::Acquire);
            if at == self.at.load(Ordering::Acquire) {
                let polling = at & (IDLE | LEFT | TAKEN_OVER | REPORTING) == 0;
                return Progress {
                    passed: (at as u32) as usize,
                    polling_since_us: polling.then_some(since_us),
                    closed: at & (LEFT | TAKEN_OVER) != 0,
                };
            }
        }
    }

    /// Takes over an idle sequence at the place where it was seen. Returns `false` if it has moved on since.
    pub(crate) fn take_over_idle(&self, seen: Progress) -> bool {
        let at = seen.passed as u64;
        self.step(at | IDLE, at | TAKEN_OVER)
    }

    /// Takes over the sequence while it polls this call. Returns `false` if it has moved on since.
    pub(crate) fn take_over_polling(&self, seen: Progress, call: &Arc<SuspendedCall>) -> bool {
        let at = seen.passed as u64;
        // The lock is held until the call has its permit, because the driver looks for the call here.
        let mut blocking_call = self.blocking_call();
        *blocking_call = Some(Arc::clone(call));
        let taken = self.step(at, (at + 1) | TAKEN_OVER);
        if taken {
            call.keep_permit(self.permit().take());
        } else {
            *blocking_call = None;
        }
        taken
    }

    /// Takes over the sequence wherever it is, because the whole parcel is given up.
    pub(crate) fn abandon(&self) {
        self.at.fetch_or(TAKEN_OVER, Ordering::AcqRel);
        drop(self.permit().take());
    }

    /// Ends the sequence where it is, unless it has ended or was taken over. `report` reports the call that was being
    /// polled.
    pub(super) fn break_off(&self, report: impl FnOnce(Start)) -> bool {
        loop {
            let at = self.at.load(Ordering::Acquire);
            let passed = u64::from(at as u32);
            if at & (LEFT | TAKEN_OVER) != 0 {
                return false;
            }
            match self.starts.get(passed as usize).filter(|_| at & IDLE == 0) {
                None if self.step(at, passed | TAKEN_OVER) => return true,
                // First mark the call as being reported, so that the run does not suspend it.
                Some(start) if self.step(at, passed | REPORTING) => {
                    report(*start);
                    return self.step(passed | REPORTING, (passed + 1) | TAKEN_OVER);
                }
                _ => {}
            }
        }
    }

    pub(super) fn permit(&self) -> MutexGuard<'_, Option<Permit>> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread that polls the sequence.
    pub(crate) fn thread(&self) -> u32 {
        self.thread.load(Ordering::Relaxed)
    }

    /// Marks the current call as reported to block its thread. Returns `false` if it was marked before.
    pub(crate) fn mark_reported(&self, passed: usize) -> bool {
        let mark = passed as u64 + 1;
        self.reported.swap(mark, Ordering::Relaxed) != mark
    }

    pub(super) fn blocking_call(&self) -> MutexGuard<'_, Option<Arc<SuspendedCall>>> {
        self.blocking_call.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the sequence on. Returns `false` if it was no longer at `from`.
    pub(super) fn step(&self, from: u64, to: u64) -> bool {
        self.at.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}
