//! Reports to the run from the threads that poll its calls, and when a report wakes the run.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::sync::Notify;

use super::start::Start;
use crate::outcome::End;

/// The end of an attempt.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) start: Start,
    pub(crate) took_us: u64,
    pub(crate) ended_us: u64,
    pub(crate) end: End,
}

/// A report about a call.
#[derive(Debug)]
pub(crate) enum Report {
    /// It did not end at its first poll: its end is reported later.
    Suspended(Start),
    /// It has ended.
    Ended(Ending),
}

/// What wakes the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakeBy {
    /// Each report wakes it.
    EachReport,
    /// The run looks at the time that it has set, and collects reports until then.
    TimeAlone,
}

/// The reports that the run has not read yet.
#[derive(Debug)]
pub(crate) struct Reports {
    unread: Mutex<Vec<Report>>,
    wake: Notify,
    collects: AtomicBool,
    wake_at_us: AtomicU64,
}

impl Reports {
    pub(crate) fn new() -> Self {
        Self {
            unread: Mutex::default(),
            wake: Notify::new(),
            collects: AtomicBool::new(false),
            wake_at_us: AtomicU64::new(u64::MAX),
        }
    }

    pub(crate) fn push(&self, report: Report) {
        self.unread().push(report);
        if !self.collects.load(Ordering::Acquire) {
            self.wake();
        }
    }

    /// Takes the reports that were pushed since the last call.
    pub(crate) fn take(&self) -> Vec<Report> {
        std::mem::take(&mut *self.unread())
    }

    /// Tells the run that there is something to do.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits until there is something to do.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Makes sure that the run looks no later than at `at_us`.
    pub(crate) fn nudge(&self, at_us: u64) {
        if at_us < self.wake_at_us.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Says when the run will look, and what wakes it before that. A thread that needs an earlier look calls `nudge`.
    /// The run sets `u64::MAX` before it decides, so that it misses no nudge in between.
    pub(crate) fn look_at(&self, at_us: u64, wake_by: WakeBy) {
        self.collects.store(wake_by == WakeBy::TimeAlone, Ordering::SeqCst);
        self.wake_at_us.store(at_us, Ordering::SeqCst);
    }

    fn unread(&self) -> MutexGuard<'_, Vec<Report>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
