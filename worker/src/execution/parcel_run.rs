//! The run of a parcel's calls: sequences are opened, reports gathered, the lease renewed, overdue calls cut. It polls
//! no call itself, so that none can hold it up.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use celeriac_core::ports::{Claimed, Delivery, PortError, Record, Tally, Window};

use super::{
    Careful,
    run_state::{Report, RunState},
    sequence::{Progress, Sequence, drive},
    suspended::{RunsOn, Start, SuspendedCall},
};
use crate::{
    Worker,
    claim::{ClaimLost, HeldClaim, Lease},
    outcome::{End, HandedOn, Outcomes},
};

/// What a run leaves to be settled.
#[derive(Debug)]
pub(crate) struct ToSettle {
    pub(crate) record: Record,
    pub(crate) tally: Tally,
    pub(crate) handed_on: Vec<HandedOn>,
    pub(crate) lease: Lease,
    /// Whether the record may have been recorded in part.
    pub(crate) unsure: bool,
}

/// A run.
pub(crate) struct ParcelRun<'a> {
    worker: &'a Worker,
    claim: HeldClaim<'a>,
    state: Arc<RunState>,
    outcomes: Outcomes,
    /// Calls to be started.
    todo: VecDeque<Start>,
    /// Sequences, and how far each has been read.
    sequences: Vec<(Arc<Sequence>, usize)>,
    windows: Option<Careful>,
    /// Calls that start as soon as their mark is recorded.
    marked: Vec<Start>,
    /// How many calls the window has that is being run.
    in_window: u32,
    /// When first attempts expire, by both clocks.
    expires: Option<(u64, u64)>,
    /// Until when the calls under way may end, once the worker is being stopped.
    grace_us: Option<u64>,
}

/// Whoever drops the run is dead as far as its parcel is concerned.
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
            windows: None,
            marked: Vec::new(),
            in_window: 0,
            expires: None,
            grace_us: None,
        };
        run.line_up(claimed);
        run
    }

    /// Brings every call to its verdict, or to where it goes on.
    pub(crate) async fn to_its_end(mut self) -> Result<ToSettle, ClaimLost> {
        self.worker.watch(&self.state);
        loop {
            // Asked first: what has ended by then has reported it.
            let running = self.state.running();
            self.state.look_at(u64::MAX, false);
            let now_us = self.state.now_us();
            self.enforce(now_us);
            self.harvest();
            self.fill(now_us);
            self.record(now_us);
            if running == 0 && self.sequences.is_empty() && !self.claim.is_writing() && self.is_through(now_us) {
                break;
            }
            self.pause(now_us).await?;
        }
        self.todo.drain(..).for_each(|start| self.outcomes.hand_on(start));
        Ok(ToSettle {
            handed_on: self.outcomes.left(),
            tally: *self.outcomes.recorder.tally(),
            record: self.outcomes.recorder.last(),
            lease: self.claim.lease(),
            unsure: self.claim.is_unsure(),
        })
    }

    /// Puts the calls in line; those that are not to run get their verdict.
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
            // Marked are only calls that may start at once: one that waits has not run, and a crash would not know.
            self.windows = Some(Careful::fixed(self.state.permits.most()));
            if let Some(window) = window {
                self.outcomes.disown(window);
            }
        } else if claimed.losses > 0 {
            let (careful, suspects) = self.outcomes.investigate(claimed.losses, window);
            self.windows = Some(careful);
            first = Some(suspects);
        }
        let mut open = self.outcomes.open();
        if let Some(suspects) = first {
            open.sort_by_key(|start| !suspects.contains(start.position));
        }
        self.todo = open.into();
    }

    /// Takes in what the sequences have passed and what was reported.
    fn harvest(&mut self) {
        // Read before the reports: what a sequence has to say of a call is reported before the sequence passes it.
        let progress: Vec<Progress> = self.sequences.iter().map(|(sequence, _)| sequence.progress()).collect();
        for report in self.state.reports() {
            match report {
                Report::Suspended(start) => self.outcomes.suspended(start),
                Report::Ended(ending) => {
                    let last = self.windows.is_some() || self.grace_us.is_some();
                    self.outcomes.judge(ending, last);
                }
            }
        }
        for ((sequence, read), progress) in self.sequences.iter_mut().zip(&progress) {
            sequence.order()[*read..progress.passed].iter().for_each(|start| self.outcomes.passed(*start));
            *read = progress.passed;
            if progress.closed {
                // What it did not start waits for whoever may.
                sequence.order()[progress.passed..].iter().rev().for_each(|start| self.todo.push_front(*start));
                self.state.close(sequence);
            }
        }
        let mut progress = progress.iter();
        self.sequences.retain(|_| progress.next().is_none_or(|progress| !progress.closed));
    }

    /// Ends what is over its time.
    fn enforce(&mut self, now_us: u64) {
        if self.grace_us.is_none() && self.worker.is_stopping() {
            self.state.halt(true);
            self.grace_us = Some(self.worker.grace_us());
        }
        let graceless = self.grace_us.is_some_and(|grace_us| grace_us <= now_us);
        if self.claim.has_lapsed() {
            // Unguarded until the renewal that must be on its way has landed.
            self.state.halt(true);
        }
        self.relieve(now_us, graceless);
        for call in self.state.suspended() {
            if call.deadline_us <= now_us {
                let limit = Duration::from_micros(call.deadline_us - call.started_us);
                self.state.cut(&call, End::TimedOut { limit, hung: call.hung(now_us) }, now_us);
            } else if graceless {
                self.state.cut(&call, End::Interrupted, now_us);
            } else if call.within(now_us).is_some_and(|within| within >= self.worker.stall()) {
                self.state.block(&call);
            }
        }
    }

    /// Takes sequences over that do not come on: a call blocks their thread, or all threads that could poll them.
    fn relieve(&mut self, now_us: u64, graceless: bool) {
        let threads = self.worker.threads();
        let closed = !self.state.may_start(now_us);
        for (sequence, _) in &self.sequences {
            let progress = sequence.progress();
            let Some(since_us) = progress.polling_since_us else {
                // It may be in the run queue of a thread that is blocked, where no other finds it.
                let strands = threads.is_blocked(sequence.generation()) && threads.has_relief(sequence.generation());
                // It may also wait for calls of other parcels to end, and what may not start waits for nothing.
                if (strands || graceless || closed) && sequence.take_over(progress) {
                    self.state.ended();
                }
                continue;
            };
            let deadline_us = self.state.deadline_us(since_us);
            let stalls = self.stalls_us(since_us) <= now_us && threads.has_relief(sequence.generation());
            if let Some(start) = sequence.order().get(progress.passed).copied()
                && (stalls || graceless || deadline_us <= now_us)
            {
                let call = Arc::new(SuspendedCall::new(
                    start,
                    RunsOn::PollThread(sequence.generation()),
                    since_us,
                    deadline_us,
                ));
                call.entered(since_us, sequence.thread());
                self.state.suspend(&call);
                if sequence.relieve(progress, &call) {
                    self.outcomes.suspended(start);
                    self.state.block(&call);
                    self.state.ended();
                } else {
                    self.state.withdraw(&call);
                }
            }
        }
    }

    /// When a poll that began then has taken too long to let others wait behind it.
    fn stalls_us(&self, since_us: u64) -> u64 {
        since_us.saturating_add(self.worker.stall().as_micros() as u64)
    }

    /// Starts what is to be started.
    fn fill(&mut self, now_us: u64) {
        self.expire(now_us);
        if !self.state.may_start(now_us) {
            return;
        }
        if self.windows.is_none() {
            self.todo.extend(self.outcomes.woken(now_us));
            let order: Vec<Start> = self.todo.drain(..).collect();
            self.open(order);
        } else if self.in_window > 0 && self.sequences.is_empty() && self.state.running() == 0 {
            let calls = std::mem::take(&mut self.in_window);
            self.windows.iter_mut().for_each(|careful| careful.survived(calls));
        }
    }

    /// First attempts that were not started in time become dead letters.
    fn expire(&mut self, now_us: u64) {
        if let Some((expires_ms, expires_us)) = self.expires
            && expires_us <= now_us
        {
            let (late, rest): (VecDeque<_>, _) =
                self.todo.drain(..).partition(|start| (start.attempt, start.naps) == (1, 0));
            self.todo = rest;
            for start in late {
                self.outcomes.expire(start, expires_ms);
            }
        }
    }

    fn open(&mut self, order: Vec<Start>) {
        if order.is_empty() {
            return;
        }
        let closes_us = match self.expires {
            Some((_, expires_us)) if order.iter().any(|start| start.attempt == 1) => expires_us,
            _ => u64::MAX,
        };
        let runtime = self.worker.threads().runtime();
        let sequence = Arc::new(Sequence::new(order, closes_us, runtime.generation));
        self.state.open(Arc::clone(&sequence));
        runtime.handle.spawn(tokio::task::unconstrained(drive(Arc::clone(&self.state), Arc::clone(&sequence))));
        self.sequences.push((sequence, 0));
    }

    /// The calls of the next window, if one may be marked now.
    fn next_window(&mut self, now_us: u64) -> Option<Window> {
        let careful = self.windows.as_ref()?;
        let idle = self.state.running() == 0 && self.sequences.is_empty() && self.marked.is_empty();
        if !idle || self.todo.is_empty() || !self.state.may_start(now_us) {
            return None;
        }
        let size = self.todo.len().min(careful.size() as usize);
        self.marked = self.todo.drain(..size).collect();
        Some(careful.window(self.marked.iter().map(|start| start.position).collect()))
    }

    /// Sends a recording on its way, if one is due.
    fn record(&mut self, now_us: u64) {
        if !self.claim.may_write(now_us) {
            return;
        }
        let window = self.next_window(now_us);
        let dirty = self.outcomes.recorder.is_dirty();
        if window.is_some() || self.claim.is_due(dirty, now_us) {
            let record = dirty.then(|| self.outcomes.recorder.depart());
            self.claim.depart(record, window, now_us);
        }
    }

    fn landed(&mut self, landed: Result<(), PortError>) -> Result<(), ClaimLost> {
        let marked = std::mem::take(&mut self.marked);
        if self.claim.landed(landed)? {
            self.outcomes.recorder.landed();
            self.state.halt(self.grace_us.is_some());
            self.in_window += marked.len() as u32;
            self.open(marked);
        } else {
            // No call starts unguarded (rule 7).
            self.state.halt(true);
            self.outcomes.recorder.failed();
            marked.into_iter().rev().for_each(|start| self.todo.push_front(start));
        }
        Ok(())
    }

    /// Waits until there is something to do.
    async fn pause(&mut self, now_us: u64) -> Result<(), ClaimLost> {
        let at_us = self.next_us(now_us);
        self.state.look_at(at_us, !self.sequences.is_empty() || self.outcomes.recorder.is_dirty());
        let clock = &self.worker.ports().clock;
        let sleep = async {
            match at_us.saturating_sub(clock.monotonic_us()) {
                _ if at_us == u64::MAX => std::future::pending().await,
                0 => {}
                left_us => clock.sleep(Duration::from_micros(left_us)).await,
            }
        };
        let landed = tokio::select! {
            biased;
            landed = self.claim.landing() => landed,
            () = self.state.wake.notified() => return Ok(()),
            () = self.worker.stopped(), if self.grace_us.is_none() => return Ok(()),
            () = sleep => return Ok(()),
        };
        self.landed(landed)
    }

    /// When there is something to do unless something happens before.
    fn next_us(&self, now_us: u64) -> u64 {
        let mut next_us = self.claim.next_us(self.outcomes.recorder.is_dirty(), now_us);
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
        if self.windows.is_none() && self.state.may_start(now_us) {
            self.outcomes.wakes_us().into_iter().for_each(&mut at);
        }
        self.grace_us.filter(|grace_us| *grace_us > now_us).into_iter().for_each(&mut at);
        next_us
    }

    /// Whether nothing is left that this run may start.
    fn is_through(&self, now_us: u64) -> bool {
        self.marked.is_empty() && (self.todo.is_empty() || !self.state.may_start(now_us))
    }
}
