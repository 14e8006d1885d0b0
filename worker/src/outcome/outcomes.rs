//! The state of each call of a parcel: whether it is over, and what has to be recorded or sent on for it.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Duration};

use celeriac_core::{
    bitmap::Bitmap,
    ports::{Failure, Ports, Reason, ResultRow, Tally, Window},
    protocol::dead_letter,
};

use super::{
    HandedOn,
    recorder::Recorder,
    verdict::{Fault, Verdict, verdict},
};
use crate::{
    WorkerError,
    execution::{Careful, Ending, RunState, Start},
};

/// The longest back-off that a run waits for itself, while other calls of the parcel run. A message through the queue
/// costs more than a timer.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// How many snoozes of a call a run waits for itself. A call that snoozes for ever must not keep the retries of others
/// waiting, and only a child counts as a hop.
const MAX_SNOOZES: u8 = 3;

/// How many failures of a parcel are logged as warnings. The others are logged at debug level.
const MAX_LOGGED: u32 = 8;

/// Where a call makes its next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextAttempt {
    /// In this run, if it is due soon.
    Here,
    /// In a child parcel.
    InChild,
}

/// The state of each call of a parcel.
#[derive(Debug)]
pub(crate) struct Outcomes {
    state: Arc<RunState>,
    ports: Ports,
    name: Arc<str>,
    pub(crate) recorder: Recorder,
    calls: Vec<Call>,
    handed_on: Vec<HandedOn>,
    /// Calls whose next attempt may be made in this run, ordered by when it is due.
    waiting: BinaryHeap<Reverse<(u64, Start)>>,
    failures: u32,
    /// The time of the wall clock at a time of the monotonic clock.
    began: (u64, u64),
}

#[derive(Clone, Copy, Debug)]
struct Call {
    attempt: u32,
    /// How often it has waited in this run.
    waits: u8,
    /// It did not end at its first poll.
    suspended: bool,
    /// It has its verdict, or goes on in a child.
    over: bool,
}

impl Outcomes {
    pub(crate) fn new(state: Arc<RunState>, ports: Ports, name: Arc<str>, done: &Bitmap, tally: Tally) -> Self {
        let began = (ports.clock.now_ms(), state.now_us());
        let attempt = state.parcel.header.attempt;
        let call = |position| Call { attempt, waits: 0, suspended: false, over: done.contains(position) };
        let calls = (0..state.parcel.count()).map(call).collect();
        let recorder = Recorder::new(done.clone(), tally);
        Self {
            state,
            ports,
            name,
            recorder,
            calls,
            handed_on: Vec::new(),
            waiting: BinaryHeap::new(),
            failures: 0,
            began,
        }
    }

    /// The calls that are not over, in order.
    pub(crate) fn open(&self) -> Vec<Start> {
        let open = (0..).zip(&self.calls).filter(|(_, call)| !call.over);
        open.map(|(position, call)| Start { position, attempt: call.attempt, waits: call.waits }).collect()
    }

    /// Turns a call that was not started in time into a dead letter.
    pub(crate) fn expire(&mut self, start: Start, expires_ms: u64) {
        let message = WorkerError::Expired { expires_ms }.to_string();
        self.die(start.position, start.attempt - 1, Reason::Expired, message);
    }

    /// Turns marked calls into dead letters: the worker that held the parcel before has died, and they must not run
    /// twice.
    pub(crate) fn fail_marked(&mut self, window: &Window) {
        let why = WorkerError::MayHaveRun { task: self.state.def.name.to_owned() };
        for start in self.open().into_iter().filter(|start| window.calls.contains(start.position)) {
            self.crash(start, Reason::Unknown, &why);
        }
    }

    /// Handles the death of the worker that held the parcel before: blames or suspects calls, and says how to continue.
    pub(crate) fn after_death(&mut self, losses: u32, window: Option<&Window>) -> (Careful, Bitmap) {
        let found = Careful::after(window, self.recorder.done(), self.state.parcel.count());
        tracing::warn!(
            parcel = %self.state.parcel.header.id,
            task = self.state.def.name,
            losses,
            suspects = found.suspects.len(),
            next = found.careful.size(),
            "the worker that held this parcel died; going on carefully"
        );
        if let Some((position, deaths)) = found.blamed {
            let start = Start { position, attempt: self.state.parcel.header.attempt, waits: 0 };
            self.crash(start, Reason::Crashed, &WorkerError::Crashed { deaths });
        }
        (found.careful, found.suspects)
    }

    /// Notes that a call did not end at its first poll.
    pub(crate) fn suspended(&mut self, start: Start) {
        if let Some(call) = self.current(start) {
            call.suspended = true;
        }
    }

    /// Notes that a sequence has passed a call. The call has succeeded, unless it is suspended or its end was reported.
    pub(crate) fn passed(&mut self, start: Start) {
        if let Some(call) = self.current(start)
            && !call.suspended
        {
            call.over = true;
            self.recorder.succeeded(start.position);
        }
    }

    /// Gives the verdict on an attempt.
    pub(crate) fn judge(&mut self, ending: Ending, next: NextAttempt) {
        let Ending { start, took_us, ended_us, end } = ending;
        if self.current(start).is_none() {
            return;
        }
        let entropy = Arc::clone(&self.ports.entropy);
        match verdict(end, self.state.def, start.attempt, || entropy.next_u64()) {
            Verdict::Succeeded(value) => {
                self.over(start);
                self.recorder.succeeded(start.position);
                if let Some(value) = value {
                    self.recorder.result(ResultRow { index: self.state.parcel.index(start.position), value });
                }
            }
            Verdict::Again { attempt, after, fault } => {
                if let Some(fault) = fault {
                    self.fail(start, took_us, fault);
                    self.recorder.retried();
                }
                self.retry(Start { attempt, ..start }, ended_us, after, next);
            }
            Verdict::Dead { reason, fault } => {
                let message = fault.message.clone();
                self.fail(start, took_us, fault);
                self.die(start.position, start.attempt, reason, message);
            }
        }
    }

    /// When the next waiting call is due.
    pub(crate) fn next_due_us(&self) -> Option<u64> {
        self.waiting.peek().map(|Reverse((due_us, _))| *due_us)
    }

    /// Takes the calls that have waited long enough.
    pub(crate) fn due(&mut self, now_us: u64) -> Vec<Start> {
        let mut due = Vec::new();
        while self.next_due_us().is_some_and(|due_us| due_us <= now_us) {
            due.extend(self.waiting.pop().map(|Reverse((_, start))| start));
        }
        due
    }

    /// Hands a call on to a child, to run as soon as possible.
    pub(crate) fn hand_on(&mut self, start: Start) {
        self.send_on(start, 0);
    }

    /// Takes the calls that go on in children. Calls that still wait here are among them, because the run ends.
    pub(crate) fn handed_on(&mut self) -> Vec<HandedOn> {
        for Reverse((due_us, start)) in std::mem::take(&mut self.waiting) {
            self.send_on(start, self.ms(due_us));
        }
        std::mem::take(&mut self.handed_on)
    }

    fn retry(&mut self, start: Start, ended_us: u64, after: Duration, next: NextAttempt) {
        let due_us = ended_us.saturating_add(after.as_micros() as u64);
        // At most one attempt beyond the parcel's own, so that the children of a parcel differ in few attempts.
        let beyond = start.attempt.saturating_sub(self.state.parcel.header.attempt) > 1;
        if next == NextAttempt::InChild || after > MAX_WAIT || beyond || start.waits > MAX_SNOOZES {
            self.send_on(start, self.ms(due_us));
        } else {
            let start = Start { waits: start.waits + 1, ..start };
            self.calls[start.position as usize] =
                Call { attempt: start.attempt, waits: start.waits, suspended: false, over: false };
            self.waiting.push(Reverse((due_us, start)));
        }
    }

    fn send_on(&mut self, start: Start, due_ms: u64) {
        self.over(start);
        self.handed_on.push(HandedOn { attempt: start.attempt, due_ms, position: start.position });
    }

    fn crash(&mut self, start: Start, reason: Reason, why: &WorkerError) {
        let message = why.to_string();
        self.fail(start, 0, Fault::new("crash", message.clone()));
        self.die(start.position, start.attempt, reason, message);
    }

    fn fail(&mut self, start: Start, took_us: u64, Fault { kind, message }: Fault) {
        self.failures += 1;
        let (task, id, attempt) = (self.state.def.name, self.state.parcel.call(start.position), start.attempt);
        let took_ms = took_us / 1000;
        if self.failures <= MAX_LOGGED {
            tracing::warn!(task, %id, attempt, kind, took_ms, "{message}");
        } else {
            tracing::debug!(task, %id, attempt, kind, took_ms, "{message}");
        }
        self.recorder.failure(Failure {
            index: self.state.parcel.index(start.position),
            attempt: start.attempt,
            at_ms: self.ports.clock.now_ms(),
            took_ms: took_us / 1000,
            kind: kind.to_owned(),
            message,
            worker: self.name.to_string(),
        });
    }

    fn die(&mut self, position: u32, attempts: u32, reason: Reason, message: String) {
        self.calls[position as usize].over = true;
        let now_ms = self.ports.clock.now_ms();
        let letter = dead_letter(&self.state.parcel, position, attempts, reason, message, now_ms);
        self.recorder.dead(position, letter);
    }

    fn over(&mut self, start: Start) {
        self.calls[start.position as usize].over = true;
    }

    /// The call, if `start` is its latest. A report that comes late is about an earlier start.
    fn current(&mut self, start: Start) -> Option<&mut Call> {
        let call = self.calls.get_mut(start.position as usize)?;
        (!call.over && (call.attempt, call.waits) == (start.attempt, start.waits)).then_some(call)
    }

    fn ms(&self, us: u64) -> u64 {
        let (began_ms, began_us) = self.began;
        began_ms + us.saturating_sub(began_us) / 1000
    }
}
