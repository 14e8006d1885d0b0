//! Observes calls from within: what they see of the simulation, and report to it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use celeriac_core::{
    id::TaskId,
    ports::Clock,
    task::{Context, Ended, Stop},
};
use celeriac_sim::{Fate, Host};

use crate::{facts::Shared, tasks};

/// The state that the calls on one host share.
pub(crate) struct Insider {
    host: Host,
    facts: Shared,
    fate: Fate,
    clock: Arc<dyn Clock>,
    stops: Arc<AtomicBool>,
}

/// A running attempt.
pub(crate) struct Attempt<'a> {
    insider: &'a Insider,
    call: TaskId,
    started_us: u64,
    timeout_us: u64,
    /// Whether the call is not retried after being cut.
    once: bool,
    starts: u32,
    over: bool,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Well.
    Succeeded,
    /// It failed, and another attempt follows.
    Failed,
    /// It was cut at its timeout.
    Cut,
    /// It was cut because its process is stopped.
    Stopped,
    /// It was cut because its parcel was lost.
    Dropped,
}

impl Insider {
    /// `stops` says when its process is being stopped.
    pub(crate) fn new(host: &Host, facts: Shared, fate: Fate, stops: Arc<AtomicBool>) -> Self {
        Self { host: host.clone(), facts, fate, clock: host.clock(), stops }
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// An attempt begins. `None` on a dead host, where it is not observed.
    pub(crate) fn begin(&self, cx: &Context) -> Option<Attempt<'_>> {
        if !self.host.is_alive() {
            return None;
        }
        let (call, attempt, started_us) = (cx.id(), cx.attempt(), self.fate.now_us());
        self.fate.say(self.host.id(), || format!("runs {call}, attempt {attempt}"));
        let starts = self.facts.lock().begins(self.host.id(), call, attempt, started_us);
        let options = tasks::options(cx.task());
        // Its timeout, or the time until the deadline of its invocation.
        let timeout_us = cx.remaining().as_micros() as u64;
        let once = options.is_some_and(|options| options.at_most_once);
        Some(Attempt { insider: self, call, started_us, timeout_us, once, starts, over: false })
    }

    /// The call kills its process.
    pub(crate) fn die(&self, cx: &Context) {
        let call = cx.id();
        self.fate.say(self.host.id(), || format!("{call} kills its process"));
        self.host.die();
    }
}

impl Attempt<'_> {
    /// How often the call has been started, including this time.
    pub(crate) fn starts(&self) -> u32 {
        self.starts
    }

    pub(crate) fn ends(&mut self, ended: &Ended) {
        self.tell(match ended {
            Ok(_) => Outcome::Succeeded,
            Err(Stop::Cancel(_) | Stop::Retry(_) | Stop::RetryAfter(..) | Stop::Snooze(_)) => Outcome::Failed,
        });
    }

    fn tell(&mut self, outcome: Outcome) {
        let Insider { host, facts, fate, .. } = self.insider;
        if !std::mem::replace(&mut self.over, true) && host.is_alive() {
            let call = self.call;
            fate.say(host.id(), || format!("{call} ends: {outcome:?}"));
            facts.lock().ends(host.id(), call, outcome, self.once);
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let ran_us = self.insider.fate.now_us().saturating_sub(self.started_us);
        self.tell(if ran_us >= self.timeout_us {
            Outcome::Cut
        } else if self.insider.stops.load(Ordering::Relaxed) {
            Outcome::Stopped
        } else {
            Outcome::Dropped
        });
    }
}
