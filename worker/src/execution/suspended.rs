//! A call that did not end at its first poll: where it is, and which thread says first that it is over.

use std::{
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::AbortHandle;

use super::{
    permits::Permit,
    start::Start,
    threads::{thread_name, thread_number},
};
use crate::outcome::Hung;

/// What a call runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunsOn {
    /// A task on the threads of this generation.
    PollThread(usize),
    /// A thread of its own.
    OwnThread,
}

/// A call that did not end at its first poll, until it ends or is cut.
#[derive(Debug)]
pub(crate) struct SuspendedCall {
    pub(crate) start: Start,
    pub(crate) runs_on: RunsOn,
    /// Given by the run state.
    pub(crate) number: AtomicU64,
    pub(crate) started_us: u64,
    /// When its time is over.
    pub(crate) deadline_us: u64,
    /// When the poll began that is under way, or the thread started; 0 between two polls.
    entered_us: AtomicU64,
    polled_us: AtomicU64,
    thread: AtomicU32,
    over: AtomicBool,
    reported: AtomicBool,
    blocked: AtomicBool,
    given_up: AtomicBool,
    abort: OnceLock<AbortHandle>,
    permit: Mutex<Option<Permit>>,
}

impl SuspendedCall {
    pub(crate) fn new(start: Start, runs_on: RunsOn, started_us: u64, deadline_us: u64) -> Self {
        Self {
            start,
            runs_on,
            number: AtomicU64::new(0),
            started_us,
            deadline_us,
            entered_us: AtomicU64::new(0),
            polled_us: AtomicU64::new(started_us),
            thread: AtomicU32::new(0),
            over: AtomicBool::new(false),
            reported: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            abort: OnceLock::new(),
            permit: Mutex::default(),
        }
    }

    /// A poll of it begins on this thread, or its thread starts.
    pub(crate) fn enter(&self, now_us: u64) {
        self.entered(now_us, thread_number());
    }

    /// A poll of it began then on that thread.
    pub(crate) fn entered(&self, since_us: u64, thread: u32) {
        self.thread.store(thread, Ordering::Relaxed);
        self.polled_us.store(since_us, Ordering::Relaxed);
        // 0 says that no thread polls it.
        self.entered_us.store(since_us.max(1), Ordering::Release);
    }

    /// The poll has returned.
    pub(crate) fn leave(&self) {
        // In one order with `block` and `give_up_thread`: either the side that counts this thread sees that it left, or
        // this one sees that it was counted.
        self.entered_us.store(0, Ordering::SeqCst);
    }

    /// The first to ask is told `true` and says how it ended; all others are late.
    pub(crate) fn finish(&self) -> bool {
        !self.over.swap(true, Ordering::AcqRel)
    }

    /// Whether that was said.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// It runs by this permit, until that is released.
    pub(crate) fn keep_permit(&self, permit: Option<Permit>) {
        *self.permit() = permit;
        if self.is_over() {
            self.release_permit();
        }
    }

    /// Another call may run instead.
    pub(crate) fn release_permit(&self) {
        drop(self.permit().take());
    }

    fn permit(&self) -> MutexGuard<'_, Option<Permit>> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task that polls it, to be ended with it.
    pub(crate) fn set_task(&self, task: AbortHandle) {
        if self.is_over() {
            task.abort();
        }
        // Nothing else sets it: a call is spawned once.
        drop(self.abort.set(task));
    }

    /// Its future is dropped as soon as no poll of it is under way.
    pub(crate) fn abort(&self) {
        if let Some(task) = self.abort.get() {
            task.abort();
        }
    }

    /// For how long a poll of it is under way, or its thread runs.
    pub(crate) fn polled_for(&self, now_us: u64) -> Option<Duration> {
        let entered_us = self.entered_us.load(Ordering::SeqCst);
        (entered_us > 0).then(|| Duration::from_micros(now_us.saturating_sub(entered_us)))
    }

    /// The thread that polls it.
    pub(crate) fn thread(&self) -> u32 {
        self.thread.load(Ordering::Relaxed)
    }

    /// Whether it has a thread of its own, which it may block.
    pub(crate) fn has_own_thread(&self) -> bool {
        self.runs_on == RunsOn::OwnThread
    }

    /// Marks it as reported to block its thread. `false` if it was.
    pub(crate) fn mark_reported(&self) -> bool {
        !self.reported.swap(true, Ordering::Relaxed)
    }

    /// Its thread is counted as blocked from now on. `false` if it was.
    pub(crate) fn block(&self) -> bool {
        !self.blocked.swap(true, Ordering::SeqCst)
    }

    /// Its thread is not blocked any more. `false` if it was not counted.
    pub(crate) fn unblock(&self) -> bool {
        self.blocked.load(Ordering::SeqCst) && self.blocked.swap(false, Ordering::SeqCst)
    }

    /// It is given up with its thread.
    pub(crate) fn give_up_thread(&self) {
        self.given_up.store(true, Ordering::SeqCst);
    }

    /// Whether its thread was given up, which it is no more.
    pub(crate) fn take_thread_back(&self) -> bool {
        self.given_up.load(Ordering::SeqCst) && self.given_up.swap(false, Ordering::SeqCst)
    }

    /// Where it is.
    pub(crate) fn hung(&self, now_us: u64) -> Hung {
        match (self.runs_on, self.polled_for(now_us)) {
            (RunsOn::OwnThread, Some(_)) => Hung::Thread,
            (RunsOn::OwnThread, None) => Hung::NoThread,
            (RunsOn::PollThread(_), Some(polling)) => Hung::Poll { polling, thread: thread_name(self.thread()) },
            (RunsOn::PollThread(_), None) => {
                let polled_us = self.polled_us.load(Ordering::Relaxed);
                Hung::Await { polled: Duration::from_micros(now_us.saturating_sub(polled_us)) }
            }
        }
    }
}
