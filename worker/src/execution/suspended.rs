//! A call that did not end at its first poll: where it is, and which thread ends it first.

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
    /// Assigned by the run state.
    pub(crate) number: AtomicU64,
    pub(crate) started_us: u64,
    /// When its time is over.
    pub(crate) deadline_us: u64,
    /// When the current poll began, or the call's own thread started; 0 between two polls.
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

    /// Notes that a poll of the call begins on this thread, or that the call's own thread starts.
    pub(crate) fn enter(&self, now_us: u64) {
        self.entered(now_us, thread_number());
    }

    /// Notes that a poll of the call began at this time, on this thread.
    pub(crate) fn entered(&self, since_us: u64, thread: u32) {
        self.thread.store(thread, Ordering::Relaxed);
        self.polled_us.store(since_us, Ordering::Relaxed);
        // 0 means that no thread polls it.
        self.entered_us.store(since_us.max(1), Ordering::Release);
    }

    /// Notes that the poll has returned.
    pub(crate) fn leave(&self) {
        // In one order with `block` and `give_up_thread`: either the side that counts this thread sees that it left, or
        // this one sees that it was counted.
        self.entered_us.store(0, Ordering::SeqCst);
    }

    /// Ends the call. The first caller gets `true` and reports how the call ended. All later callers get `false`.
    pub(crate) fn finish(&self) -> bool {
        !self.over.swap(true, Ordering::AcqRel)
    }

    /// Whether the call has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Keeps the permit under which the call runs, until it is released.
    pub(crate) fn keep_permit(&self, permit: Option<Permit>) {
        *self.permit() = permit;
        if self.is_over() {
            self.release_permit();
        }
    }

    /// Releases the permit, so that another call may run.
    pub(crate) fn release_permit(&self) {
        drop(self.permit().take());
    }

    fn permit(&self) -> MutexGuard<'_, Option<Permit>> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the task that polls the call, so that it can be aborted with the call.
    pub(crate) fn set_task(&self, task: AbortHandle) {
        if self.is_over() {
            task.abort();
        }
        // It is never set twice: a call is spawned once.
        drop(self.abort.set(task));
    }

    /// Drops the call's future as soon as no poll of it is running.
    pub(crate) fn abort(&self) {
        if let Some(task) = self.abort.get() {
            task.abort();
        }
    }

    /// How long the current poll, or the call's own thread, has been running.
    pub(crate) fn polled_for(&self, now_us: u64) -> Option<Duration> {
        let entered_us = self.entered_us.load(Ordering::SeqCst);
        (entered_us > 0).then(|| Duration::from_micros(now_us.saturating_sub(entered_us)))
    }

    /// The thread that polls the call.
    pub(crate) fn thread(&self) -> u32 {
        self.thread.load(Ordering::Relaxed)
    }

    /// Whether the call has a thread of its own, which it may block.
    pub(crate) fn has_own_thread(&self) -> bool {
        self.runs_on == RunsOn::OwnThread
    }

    /// Marks the call as reported to block its thread. Returns `false` if it was marked before.
    pub(crate) fn mark_reported(&self) -> bool {
        !self.reported.swap(true, Ordering::Relaxed)
    }

    /// Counts the call's thread as blocked from now on. Returns `false` if it was counted before.
    pub(crate) fn block(&self) -> bool {
        !self.blocked.swap(true, Ordering::SeqCst)
    }

    /// Counts the call's thread as blocked no more. Returns `false` if it was not counted.
    pub(crate) fn unblock(&self) -> bool {
        self.blocked.load(Ordering::SeqCst) && self.blocked.swap(false, Ordering::SeqCst)
    }

    /// Gives up the call's thread along with the call.
    pub(crate) fn give_up_thread(&self) {
        self.given_up.store(true, Ordering::SeqCst);
    }

    /// Takes back a thread that was given up. Returns `false` if it was not given up.
    pub(crate) fn take_thread_back(&self) -> bool {
        self.given_up.load(Ordering::SeqCst) && self.given_up.swap(false, Ordering::SeqCst)
    }

    /// Where the call hangs.
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
