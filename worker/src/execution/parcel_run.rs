//! The run of a parcel's calls: it opens sequences, gathers reports, renews the lease and cuts overdue calls. It polls
//! no call itself, so no call can hold it up.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use celeriac_core::ports::{Claimed, Delivery, PortError};

use super::{
    Careful,
    reports::{Report, WakeBy},
    run_state::RunState,
    sequence::{Progress, Sequence},
    start::Start,
};
use crate::{
    Worker,
    claim::{ClaimLost, HeldClaim, Lease},
    outcome::{NextAttempt, Outcomes, Unrecorded},
    settlement::ToSettle,
};

/// The run of a parcel's calls.
pub(crate) struct ParcelRun<'a> {
    pub(super) worker: &'a Worker,
    pub(super) claim: HeldClaim<'a>,
    pub(super) state: Arc<RunState>,
    pub(super) outcomes: Outcomes,
    /// Calls to be started.
    pub(super) todo: VecDeque<Start>,
    /// The sequences, and how far the run has read each.
    pub(super) sequences: Vec<(Arc<Sequence>, usize)>,
    /// Which calls to mark before they start; `None` if calls are not marked.
    pub(super) careful: Option<Careful>,
    /// Calls that start as soon as their mark is recorded.
    pub(super) marked: Vec<Start>,
    /// How many calls the running window has.
    pub(super) in_window: u32,
    /// When first attempts expire, by the wall clock and by the monotonic clock.
    pub(super) expires: Option<(u64, u64)>,
    /// When running calls must have ended, once the worker is being stopped.
    pub(super) grace_us: Option<u64>,
}

/// Dropping a run counts as the death of the worker that held the parcel.
impl Drop for ParcelRun<'_> {
    fn drop(&mut self) {
        self.state.abandon();
    }
}

impl<'a> ParcelRun<'a> {
    pub(crate) fn new(
        worker: &'a Worker,
        holder: &Arc<str>,
        delivery: &'a Delivery,
        state: Arc<RunState>,
        claimed: &Claimed,
        lease: Lease,
    ) -> Self {
        let name = Arc::clone(holder);
        let mut run = Self {
            outcomes: Outcomes::new(Arc::clone(&state), worker.ports().clone(), name, &claimed.done, claimed.tally),
            claim: HeldClaim::new(worker.ports(), delivery, state.parcel.header.id, claimed.epoch, lease),
            worker,
            state,
            todo: VecDeque::new(),
            sequences: Vec::new(),
            careful: None,
            marked: Vec::new(),
            in_window: 0,
            expires: None,
            grace_us: None,
        };
        run.line_up(claimed);
        run
    }

    /// Brings every call to its verdict, or hands it on to a child.
    pub(crate) async fn run_calls(mut self) -> Result<ToSettle, ClaimLost> {
        self.worker.watch(&self.state);
        loop {
            // Read before the reports: a call that no longer runs has reported its end.
            let running = self.state.running();
            self.state.reports.look_at(u64::MAX, WakeBy::EachReport);
            let now_us = self.state.now_us();
            self.cut_overdue(now_us);
            self.read_reports();
            self.start_calls(now_us);
            self.write(now_us);
            if running == 0 && self.sequences.is_empty() && !self.claim.is_writing() && self.is_through(now_us) {
                break;
            }
            self.pause(now_us).await?;
        }
        self.todo.drain(..).for_each(|start| self.outcomes.hand_on(start));
        Ok(ToSettle {
            handed_on: self.outcomes.handed_on(),
            tally: *self.outcomes.recorder.tally(),
            record: self.outcomes.recorder.last(),
            lease: self.claim.lease(),
            unsure: self.claim.is_unsure(),
        })
    }

    /// Queues the calls. Calls that must not run get their verdict.
    fn line_up(&mut self, claimed: &Claimed) {
        let header = &self.state.parcel.header;
        self.expires = header.expires_ms.map(|expires_ms| {
            let left_ms = expires_ms.saturating_sub(self.worker.ports().clock.now_ms());
            (expires_ms, self.state.now_us().saturating_add(left_ms.saturating_mul(1000)))
        });
        let options = &self.state.def.options;
        let window = claimed.window.as_ref().filter(|_| claimed.losses > 0);
        let mut first = None;
        if options.at_most_once {
            // Only calls that may start at once are marked: `next_window` has permits for them.
            self.careful = Some(Careful::fixed(self.state.permits.most()));
            if let Some(window) = window {
                self.outcomes.fail_marked(window);
            }
        } else if claimed.losses > 0 {
            let (careful, suspects) = self.outcomes.after_death(claimed.losses, window);
            self.careful = Some(careful);
            first = Some(suspects);
        }
        let mut open = self.outcomes.open();
        if let Some(suspects) = first {
            open.sort_by_key(|start| !suspects.contains(start.position));
        }
        self.todo = open.into();
    }

    /// Reads how far the sequences have come, and what was reported.
    fn read_reports(&mut self) {
        // Read before the reports: a sequence reports on a call before it passes that call.
        let progress: Vec<Progress> = self.sequences.iter().map(|(sequence, _)| sequence.progress()).collect();
        for report in self.state.reports.take() {
            match report {
                Report::Suspended(start) => self.outcomes.suspended(start),
                Report::Ended(ending) => {
                    let ends = self.careful.is_some() || self.grace_us.is_some();
                    let next = if ends { NextAttempt::InChild } else { NextAttempt::Here };
                    self.outcomes.judge(ending, next);
                }
            }
        }
        for ((sequence, read), progress) in self.sequences.iter_mut().zip(&progress) {
            sequence.starts()[*read..progress.passed].iter().for_each(|start| self.outcomes.passed(*start));
            *read = progress.passed;
            if progress.closed {
                // Calls that the sequence did not start wait until they may start.
                sequence.starts()[progress.passed..].iter().rev().for_each(|start| self.todo.push_front(*start));
                self.state.close(sequence);
            }
        }
        let mut progress = progress.iter();
        self.sequences.retain(|_| progress.next().is_none_or(|progress| !progress.closed));
    }

    /// Starts a write, if one is due.
    fn write(&mut self, now_us: u64) {
        if !self.claim.may_write(now_us) {
            return;
        }
        let window = self.next_window(now_us);
        let unrecorded = self.outcomes.recorder.unrecorded();
        if window.is_some() || self.claim.is_due(unrecorded, now_us) {
            let record = (unrecorded == Unrecorded::Verdicts).then(|| self.outcomes.recorder.take());
            self.claim.write(record, window, now_us);
        }
    }

    fn on_written(&mut self, written: Result<(), PortError>) -> Result<(), ClaimLost> {
        let marked = std::mem::take(&mut self.marked);
        if self.claim.on_written(written)? {
            self.outcomes.recorder.confirm();
            if self.grace_us.is_none() {
                self.state.resume();
            }
            self.in_window += marked.len() as u32;
            self.start_sequence(marked);
        } else {
            // No call starts while the claim cannot be recorded (rule 7).
            self.state.halt();
            self.outcomes.recorder.take_back();
            marked.into_iter().rev().for_each(|start| self.todo.push_front(start));
        }
        Ok(())
    }

    /// Waits until there is something to do.
    async fn pause(&mut self, now_us: u64) -> Result<(), ClaimLost> {
        let at_us = self.next_us(now_us);
        let collects = !self.sequences.is_empty() || self.outcomes.recorder.unrecorded() == Unrecorded::Verdicts;
        self.state.reports.look_at(at_us, if collects { WakeBy::TimeAlone } else { WakeBy::EachReport });
        let clock = &self.worker.ports().clock;
        let sleep = async {
            match at_us.saturating_sub(clock.monotonic_us()) {
                _ if at_us == u64::MAX => std::future::pending().await,
                0 => {}
                left_us => clock.sleep(Duration::from_micros(left_us)).await,
            }
        };
        let written = tokio::select! {
            biased;
            written = self.claim.written() => written,
            () = self.state.reports.woken() => return Ok(()),
            () = self.worker.stopped(), if self.grace_us.is_none() => return Ok(()),
            () = sleep => return Ok(()),
        };
        self.on_written(written)
    }

    /// When the run has to look again, if nothing wakes it earlier.
    fn next_us(&self, now_us: u64) -> u64 {
        let mut next_us = self.claim.next_us(self.outcomes.recorder.unrecorded(), now_us);
        let mut at = |at_us: u64| next_us = next_us.min(at_us);
        if !self.sequences.is_empty() {
            at(now_us + self.claim.checkpoint_us());
        }
        self.state.suspended().iter().for_each(|call| at(call.deadline_us));
        for (sequence, _) in &self.sequences {
            if let Some(since_us) = sequence.progress().polling_since_us {
                at(self.state.deadline_us(since_us));
            }
        }
        if self.careful.is_none() && self.state.may_start(now_us) {
            self.outcomes.next_due_us().into_iter().for_each(&mut at);
        }
        self.grace_us.filter(|grace_us| *grace_us > now_us).into_iter().for_each(&mut at);
        next_us
    }

    /// Whether no call is left that this run may start.
    fn is_through(&self, now_us: u64) -> bool {
        self.marked.is_empty() && (self.todo.is_empty() || !self.state.may_start(now_us))
    }
}
