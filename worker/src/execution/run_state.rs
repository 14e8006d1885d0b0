//! Where the calls of one parcel run: what the run shares with those who poll them. Quick calls, that end at their
//! first poll with nothing to say, leave no trace here: their sequence has passed them.

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
use tokio::sync::Notify;

use super::{
    permits::Permits,
    sequence::Sequence,
    suspended::{RunsOn, Start, SuspendedCall},
    threads::PollThreads,
};
use crate::outcome::End;

/// The end of an attempt.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) start: Start,
    pub(crate) took_us: u64,
    pub(crate) ended_us: u64,
    pub(crate) end: End,
}

/// What the run has to know of a call.
#[derive(Debug)]
pub(crate) enum Report {
    /// It did not end at its first poll: its ending is reported later.
    Suspended(Start),
    /// It has ended.
    Ended(Ending),
}

/// Where the calls of one parcel run.
pub(crate) struct RunState {
    pub(crate) parcel: Parcel,
    pub(crate) def: &'static TaskDef,
    pub(crate) shared: Arc<Shared>,
    /// The client of the calls that blocking calls make.
    pub(crate) client: Client,
    pub(crate) blocking: Arc<dyn Blocking>,
    pub(crate) threads: Arc<PollThreads>,
    /// When the last call must have ended.
    pub(crate) last_us: u64,
    /// What a call is taken to need as long as none has ended.
    pub(crate) guess_us: u64,
    /// How many calls may run at a time.
    pub(crate) permits: Permits,
    /// Tells the run that there is something to do.
    pub(crate) wake: Notify,
    reports: Mutex<Vec<Report>>,
    /// By number: for a moment one position may have two, when a sequence is taken over.
    suspended: Mutex<BTreeMap<u64, Arc<SuspendedCall>>>,
    numbers: AtomicU64,
    sequences: Mutex<Vec<Arc<Sequence>>>,
    running: AtomicU32,
    longest_us: AtomicU64,
    ended_one: AtomicBool,
    halted: AtomicBool,
    abandoned: AtomicBool,
    quiet: AtomicBool,
    wake_at_us: AtomicU64,
}

impl RunState {
    pub(crate) fn new(
        parcel: Parcel,
        def: &'static TaskDef,
        shared: Arc<Shared>,
        client: Client,
        blocking: Arc<dyn Blocking>,
        threads: Arc<PollThreads>,
        permits: Permits,
        last_us: u64,
    ) -> Self {
        let now_us = shared.clock.monotonic_us();
        Self {
            parcel,
            def,
            shared,
            client,
            blocking,
            threads,
            last_us,
            guess_us: last_us.saturating_sub(now_us) / 2,
            permits,
            wake: Notify::new(),
            reports: Mutex::default(),
            suspended: Mutex::default(),
            numbers: AtomicU64::new(0),
            sequences: Mutex::default(),
            running: AtomicU32::new(0),
            longest_us: AtomicU64::new(0),
            ended_one: AtomicBool::new(false),
            halted: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
            wake_at_us: AtomicU64::new(u64::MAX),
        }
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.shared.clock.monotonic_us()
    }

    /// Whether a call that is started now may be expected to end in time: within its timeout or, once calls have
    /// ended, within twice what the longest of them took.
    pub(crate) fn may_start(&self, now_us: u64) -> bool {
        if self.halted.load(Ordering::Relaxed) {
            return false;
        }
        if self.last_us == u64::MAX {
            return true;
        }
        let timeout_us = self.def.options.timeout.as_micros() as u64;
        let needs_us = if self.ended_one.load(Ordering::Relaxed) {
            self.longest_us.load(Ordering::Relaxed).saturating_mul(2)
        } else {
            self.guess_us
        };
        now_us.saturating_add(needs_us.min(timeout_us)) <= self.last_us
    }

    /// When the time of a call is over that is started now.
    pub(crate) fn deadline_us(&self, now_us: u64) -> u64 {
        now_us.saturating_add(self.def.options.timeout.as_micros() as u64).min(self.last_us)
    }

    /// Nothing is started any more, or again.
    pub(crate) fn halt(&self, halted: bool) {
        self.halted.store(halted, Ordering::Relaxed);
    }

    /// Remembers how long a call took.
    pub(crate) fn took(&self, took_us: u64) {
        if self.last_us < u64::MAX {
            self.longest_us.fetch_max(took_us, Ordering::Relaxed);
            self.ended_one.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn report(&self, report: Report) {
        lock(&self.reports).push(report);
        if !self.quiet.load(Ordering::Acquire) {
            self.wake.notify_one();
        }
    }

    /// What was reported since this was asked last.
    pub(crate) fn reports(&self) -> Vec<Report> {
        std::mem::take(&mut *lock(&self.reports))
    }

    /// A call takes its seat. Its permit goes with it.
    pub(crate) fn suspend(&self, call: &Arc<SuspendedCall>) {
        self.running.fetch_add(1, Ordering::AcqRel);
        call.number.store(self.numbers.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        lock(&self.suspended).insert(call.number.load(Ordering::Relaxed), Arc::clone(call));
        self.nudge(call.deadline_us);
        if self.abandoned.load(Ordering::Acquire) {
            call.finish();
            call.release();
        }
    }

    /// Says how a call ended. `false` if that was said before: then this is ignored.
    pub(crate) fn end(&self, call: &SuspendedCall, end: End, now_us: u64) -> bool {
        if !call.finish() {
            return false;
        }
        let took_us = now_us.saturating_sub(call.started_us);
        self.took(took_us);
        self.report(Report::Ended(Ending { start: call.start, took_us, ended_us: now_us, end }));
        lock(&self.suspended).remove(&call.number.load(Ordering::Relaxed));
        call.release();
        self.ended();
        true
    }

    /// Says that a call is over, whatever it does.
    pub(crate) fn cut(&self, call: &SuspendedCall, end: End, now_us: u64) {
        // First, so that whoever comes back late finds that its thread was given up.
        let blocks = call.within(now_us).is_some();
        if blocks {
            self.block(call);
            self.threads.give_up();
            call.give_up();
        }
        if self.end(call, end, now_us) {
            call.abort();
        }
        if blocks && call.within(now_us).is_none() && call.take_back() {
            self.threads.take_back();
        }
    }

    /// A poll of a call takes long.
    pub(crate) fn block(&self, call: &SuspendedCall) {
        if let RunsOn::PollThread(generation) = call.runs_on
            && call.block()
        {
            self.threads.block(generation);
            if call.within(0).is_none() {
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

    /// A poll of a call has returned, or its thread has.
    pub(crate) fn leave(&self, call: &SuspendedCall) {
        call.leave();
        self.unblock(call);
        if call.take_back() {
            self.threads.take_back();
            let (task, id) = (self.def.name, self.parcel.call(call.start.position));
            let took_ms = self.now_us().saturating_sub(call.started_us) / 1000;
            tracing::warn!(task, %id, attempt = call.start.attempt, took_ms, "a call that was given up has returned");
        }
    }

    /// A call does not take its seat after all.
    pub(crate) fn withdraw(&self, call: &SuspendedCall) {
        lock(&self.suspended).remove(&call.number.load(Ordering::Relaxed));
        self.ended();
    }

    pub(crate) fn suspended(&self) -> Vec<Arc<SuspendedCall>> {
        lock(&self.suspended).values().cloned().collect()
    }

    /// A sequence opens.
    pub(crate) fn open(&self, sequence: Arc<Sequence>) {
        self.running.fetch_add(1, Ordering::AcqRel);
        lock(&self.sequences).push(sequence);
    }

    /// A sequence was left or lost.
    pub(crate) fn close(&self, sequence: &Arc<Sequence>) {
        lock(&self.sequences).retain(|other| !Arc::ptr_eq(other, sequence));
    }

    pub(crate) fn sequences(&self) -> Vec<Arc<Sequence>> {
        lock(&self.sequences).clone()
    }

    /// A call, or a sequence, has ended.
    pub(crate) fn ended(&self) {
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake.notify_one();
        }
    }

    /// How many calls and sequences are under way.
    pub(crate) fn running(&self) -> u32 {
        self.running.load(Ordering::Acquire)
    }

    /// The run has to look no later than this.
    pub(crate) fn nudge(&self, at_us: u64) {
        if at_us < self.wake_at_us.load(Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }

    /// When the run will look, and whether it wants to be told of each report until then. Whoever has something
    /// earlier nudges it; `u64::MAX` before it decides, so that nothing slips through in between.
    pub(crate) fn look_at(&self, at_us: u64, quiet: bool) {
        self.quiet.store(quiet, Ordering::SeqCst);
        self.wake_at_us.store(at_us, Ordering::SeqCst);
    }

    /// The parcel is no longer this worker's: whatever its calls still do is ignored.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.halt(true);
        for sequence in self.sequences() {
            sequence.abandon();
        }
        for call in self.suspended() {
            call.finish();
            call.release();
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
    // Nobody panics while holding one of these: what was guarded is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
