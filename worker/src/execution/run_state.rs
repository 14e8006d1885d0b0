//! The state that the run of a parcel shares with the threads that poll its calls. Quick calls leave no trace here:
//! they end at their first poll with nothing to report, and their sequence passes them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use celeriac_core::{
    client::Client,
    parcel::Parcel,
    ports::Blocking,
    task::{Shared, TaskDef},
};

use super::{
    permits::Permits,
    reports::{Ending, Report, Reports},
    sequence::Sequence,
    suspended::{RunsOn, SuspendedCall},
    threads::PollThreads,
    time_budget::TimeBudget,
};
use crate::outcome::End;

/// The threads and the client of plain functions.
pub(crate) struct BlockingCalls {
    /// The threads that run them.
    pub(crate) threads: Arc<dyn Blocking>,
    /// The client for the calls that they make.
    pub(crate) client: Client,
}

/// The state that the run of a parcel shares with the threads that poll its calls.
pub(crate) struct RunState {
    pub(crate) parcel: Parcel,
    pub(crate) def: &'static TaskDef,
    pub(crate) shared: Arc<Shared>,
    pub(crate) blocking: BlockingCalls,
    pub(crate) threads: Arc<PollThreads>,
    /// How many calls may run at a time.
    pub(crate) permits: Permits,
    pub(crate) reports: Reports,
    budget: TimeBudget,
    /// Keyed by number: while a sequence is taken over, one position may have two entries for a moment.
    suspended: Mutex<BTreeMap<u64, Arc<SuspendedCall>>>,
    numbers: AtomicU64,
    sequences: Mutex<Vec<Arc<Sequence>>>,
    running: AtomicU32,
    halted: AtomicBool,
    abandoned: AtomicBool,
}

impl RunState {
    pub(crate) fn new(
        parcel: Parcel,
        def: &'static TaskDef,
        shared: Arc<Shared>,
        blocking: BlockingCalls,
        threads: Arc<PollThreads>,
        permits: Permits,
        last_us: u64,
    ) -> Self {
        let budget = TimeBudget::new(def.options.timeout, last_us, shared.clock.monotonic_us());
        Self {
            parcel,
            def,
            shared,
            blocking,
            threads,
            permits,
            reports: Reports::new(),
            budget,
            suspended: Mutex::default(),
            numbers: AtomicU64::new(0),
            sequences: Mutex::default(),
            running: AtomicU32::new(0),
            halted: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
        }
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.shared.clock.monotonic_us()
    }

    /// Whether a call may start now: starts are not halted, and the call is expected to end in time.
    pub(crate) fn may_start(&self, now_us: u64) -> bool {
        !self.halted.load(Ordering::Relaxed) && self.budget.allows_start(now_us)
    }

    /// The deadline of a call that starts now.
    pub(crate) fn deadline_us(&self, now_us: u64) -> u64 {
        self.budget.deadline_us(now_us)
    }

    /// Remembers how long a call took.
    pub(crate) fn took(&self, took_us: u64) {
        self.budget.took(took_us);
    }

    /// Starts no more calls until [`RunState::resume`].
    pub(crate) fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    /// Starts calls again.
    pub(crate) fn resume(&self) {
        self.halted.store(false, Ordering::Relaxed);
    }

    /// Adds a suspended call. Its permit goes with it.
    pub(crate) fn suspend(&self, call: &Arc<SuspendedCall>) {
        self.running.fetch_add(1, Ordering::AcqRel);
        call.number.store(self.numbers.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        lock(&self.suspended).insert(call.number.load(Ordering::Relaxed), Arc::clone(call));
        self.reports.nudge(call.deadline_us);
        if self.abandoned.load(Ordering::Acquire) {
            call.finish();
            call.release_permit();
        }
    }

    /// Removes a call that is not suspended after all.
    pub(crate) fn withdraw(&self, call: &SuspendedCall) {
        lock(&self.suspended).remove(&call.number.load(Ordering::Relaxed));
        self.ended();
    }

    /// Reports how a call ended. Returns `false` if that was reported before: this report is then ignored.
    pub(crate) fn end(&self, call: &SuspendedCall, end: End, now_us: u64) -> bool {
        if !call.finish() {
            return false;
        }
        let took_us = now_us.saturating_sub(call.started_us);
        self.took(took_us);
        self.reports.push(Report::Ended(Ending { start: call.start, took_us, ended_us: now_us, end }));
        lock(&self.suspended).remove(&call.number.load(Ordering::Relaxed));
        call.release_permit();
        self.ended();
        true
    }

    /// Ends a call, whatever its code does.
    pub(crate) fn cut(&self, call: &SuspendedCall, end: End, now_us: u64) {
        // Before the end is reported, so that a poll that returns late finds its thread given up.
        let blocks = call.polled_for(now_us).is_some();
        if blocks {
            self.block(call);
            self.threads.give_up();
            call.give_up_thread();
        }
        if self.end(call, end, now_us) {
            call.abort();
        }
        if blocks && call.polled_for(now_us).is_none() && call.take_thread_back() {
            self.threads.take_back();
        }
    }

    /// Notes that a poll of the call takes long.
    pub(crate) fn block(&self, call: &SuspendedCall) {
        if let RunsOn::PollThread(generation) = call.runs_on
            && call.block()
        {
            self.threads.block(generation);
            if call.polled_for(0).is_none() {
                self.unblock(call);
            }
        }
    }

    fn unblock(&self, call: &SuspendedCall) {
        if let RunsOn::PollThread(generation) = call.runs_on
            && call.unblock()
        {
            self.threads.unblock(generation);
        }
    }

    /// Notes that a poll of the call, or its own thread, has returned.
    pub(crate) fn leave(&self, call: &SuspendedCall) {
        call.leave();
        self.unblock(call);
        if call.take_thread_back() {
            self.threads.take_back();
            let (task, id) = (self.def.name, self.parcel.call(call.start.position));
            let took_ms = self.now_us().saturating_sub(call.started_us) / 1000;
            tracing::warn!(task, %id, attempt = call.start.attempt, took_ms, "a call that was given up has returned");
        }
    }

    /// The suspended calls.
    pub(crate) fn suspended(&self) -> Vec<Arc<SuspendedCall>> {
        lock(&self.suspended).values().cloned().collect()
    }

    /// Adds a sequence that is about to start.
    pub(crate) fn open(&self, sequence: Arc<Sequence>) {
        self.running.fetch_add(1, Ordering::AcqRel);
        lock(&self.sequences).push(sequence);
    }

    /// Removes a sequence that was left or taken over.
    pub(crate) fn close(&self, sequence: &Arc<Sequence>) {
        lock(&self.sequences).retain(|other| !Arc::ptr_eq(other, sequence));
    }

    pub(crate) fn sequences(&self) -> Vec<Arc<Sequence>> {
        lock(&self.sequences).clone()
    }

    /// Notes that a suspended call or a sequence has ended.
    pub(crate) fn ended(&self) {
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.reports.wake();
        }
    }

    /// How many suspended calls and sequences are running.
    pub(crate) fn running(&self) -> u32 {
        self.running.load(Ordering::Acquire)
    }

    /// Gives the parcel up: it no longer belongs to this worker, and whatever its calls still do is ignored.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.halt();
        for sequence in self.sequences() {
            sequence.abandon();
        }
        for call in self.suspended() {
            call.finish();
            call.release_permit();
            call.abort();
        }
    }
}

impl std::fmt::Debug for RunState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunState").field("parcel", &self.parcel.header.id).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds one of these locks: the guarded data is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
