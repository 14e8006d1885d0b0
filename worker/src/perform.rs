//! The run of a parcel's calls: lanes are opened, reports gathered, the lease renewed, overdue calls cut. It polls
//! no call itself, so that none can hold it up.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use celeriac_core::ports::{Claimed, Delivery, PortError, Record, Tally, Window};

use crate::{
    Worker,
    book::Book,
    careful::Careful,
    floor::{Floor, Report},
    lane::{Lane, Reached, drive},
    lease::Lease,
    retries::Again,
    seat::{Ground, Seat, Start},
    tenure::{Lost, Tenure},
    verdict::End,
};

/// What a run leaves to be settled.
#[derive(Debug)]
pub(crate) struct Performed {
    pub(crate) record: Record,
    pub(crate) tally: Tally,
    pub(crate) again: Vec<Again>,
    pub(crate) lease: Lease,
    /// Whether the record may have been recorded in part.
    pub(crate) unsure: bool,
}

/// A run.
pub(crate) struct Performance<'a> {
    worker: &'a Worker,
    tenure: Tenure<'a>,
    floor: Arc<Floor>,
    book: Book,
    /// Calls to be started.
    todo: VecDeque<Start>,
    /// Lanes, and how far each has been read.
    lanes: Vec<(Arc<Lane>, usize)>,
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
impl Drop for Performance<'_> {
    fn drop(&mut self) {
        self.floor.abandon();
    }
}

impl<'a> Performance<'a> {
    pub(crate) fn new(
        worker: &'a Worker,
        holder: &Arc<str>,
        delivery: &'a Delivery,
        floor: Arc<Floor>,
        claimed: &Claimed,
        lease: Lease,
    ) -> Self {
        let name = Arc::clone(holder);
        let mut run = Self {
            book: Book::new(Arc::clone(&floor), worker.ports().clone(), name, &claimed.done, claimed.tally),
            tenure: Tenure::new(worker.ports(), delivery, floor.parcel.header.id, claimed.epoch, lease),
            worker,
            floor,
            todo: VecDeque::new(),
            lanes: Vec::new(),
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
    pub(crate) async fn perform(mut self) -> Result<Performed, Lost> {
        self.worker.watch(&self.floor);
        loop {
            // Asked first: what has ended by then has reported it.
            let running = self.floor.running();
            self.floor.look_at(u64::MAX, false);
            let now_us = self.floor.now_us();
            self.enforce(now_us);
            self.harvest();
            self.fill(now_us);
            self.record(now_us);
            if running == 0 && self.lanes.is_empty() && !self.tenure.is_writing() && self.is_through(now_us) {
                break;
            }
            self.pause(now_us).await?;
        }
        self.todo.drain(..).for_each(|start| self.book.hand_on(start));
        Ok(Performed {
            again: self.book.left(),
            tally: *self.book.recorder.tally(),
            record: self.book.recorder.last(),
            lease: self.tenure.lease(),
            unsure: self.tenure.is_unsure(),
        })
    }

    /// Puts the calls in line; those that are not to run get their verdict.
    fn line_up(&mut self, claimed: &Claimed) {
        let header = &self.floor.parcel.header;
        self.expires = header.expires_ms.map(|expires_ms| {
            let left_ms = expires_ms.saturating_sub(self.worker.ports().clock.now_ms());
            (expires_ms, self.floor.now_us().saturating_add(left_ms.saturating_mul(1000)))
        });
        let options = &self.floor.def.options;
        let window = claimed.window.as_ref().filter(|_| claimed.losses > 0);
        let mut first = None;
        if options.at_most_once {
            // Marked are only calls that may start at once: one that waits has not run, and a crash would not know.
            self.windows = Some(Careful::fixed(self.floor.permits.most()));
            if let Some(window) = window {
                self.book.disown(window);
            }
        } else if claimed.losses > 0 {
            let (careful, suspects) = self.book.investigate(claimed.losses, window);
            self.windows = Some(careful);
            first = Some(suspects);
        }
        let mut open = self.book.open();
        if let Some(suspects) = first {
            open.sort_by_key(|start| !suspects.contains(start.position));
        }
        self.todo = open.into();
    }

    /// Takes in what the lanes have passed and what was reported.
    fn harvest(&mut self) {
        // Read before the reports: what a lane has to say of a call is reported before the lane passes it.
        let reached: Vec<Reached> = self.lanes.iter().map(|(lane, _)| lane.reached()).collect();
        for report in self.floor.reports() {
            match report {
                Report::Away(start) => self.book.away(start),
                Report::Ended(ending) => {
                    let last = self.windows.is_some() || self.grace_us.is_some();
                    self.book.judge(ending, last);
                }
            }
        }
        for ((lane, read), reached) in self.lanes.iter_mut().zip(&reached) {
            lane.order()[*read..reached.passed].iter().for_each(|start| self.book.passed(*start));
            *read = reached.passed;
            if reached.closed {
                // What it did not start waits for whoever may.
                lane.order()[reached.passed..].iter().rev().for_each(|start| self.todo.push_front(*start));
                self.floor.close(lane);
            }
        }
        let mut reached = reached.iter();
        self.lanes.retain(|_| reached.next().is_none_or(|reached| !reached.closed));
    }

    /// Ends what is over its time.
    fn enforce(&mut self, now_us: u64) {
        if self.grace_us.is_none() && self.worker.is_stopping() {
            self.floor.halt(true);
            self.grace_us = Some(self.worker.grace_us());
        }
        let graceless = self.grace_us.is_some_and(|grace_us| grace_us <= now_us);
        if self.tenure.has_lapsed() {
            // Unguarded until the renewal that must be on its way has landed.
            self.floor.halt(true);
        }
        self.relieve(now_us, graceless);
        for seat in self.floor.seats() {
            if seat.due_us <= now_us {
                let limit = Duration::from_micros(seat.due_us - seat.started_us);
                self.floor.cut(&seat, End::TimedOut { limit, hung: seat.hung(now_us) }, now_us);
            } else if graceless {
                self.floor.cut(&seat, End::Interrupted, now_us);
            } else if seat.within(now_us).is_some_and(|within| within >= self.worker.stall()) {
                self.floor.block(&seat);
            }
        }
    }

    /// Takes lanes over that do not come on: a call blocks their thread, or all threads that could poll them.
    fn relieve(&mut self, now_us: u64, graceless: bool) {
        let crew = self.worker.crew();
        let closed = !self.floor.may_start(now_us);
        for (lane, _) in &self.lanes {
            let reached = lane.reached();
            let Some(since_us) = reached.polling_since_us else {
                // It may be in the run queue of a thread that is blocked, where no other finds it.
                let strands = crew.is_blocked(lane.generation()) && crew.has_relief(lane.generation());
                // It may also wait for calls of other parcels to end, and what may not start waits for nothing.
                if (strands || graceless || closed) && lane.take_over(reached) {
                    self.floor.ended();
                }
                continue;
            };
            let due_us = self.floor.due_us(since_us);
            let stalls = self.stalls_us(since_us) <= now_us && crew.has_relief(lane.generation());
            if let Some(start) = lane.order().get(reached.passed).copied()
                && (stalls || graceless || due_us <= now_us)
            {
                let seat = Arc::new(Seat::new(start, Ground::Crew(lane.generation()), since_us, due_us));
                seat.entered(since_us, lane.thread());
                self.floor.sit(&seat);
                if lane.relieve(reached, &seat) {
                    self.book.away(start);
                    self.floor.block(&seat);
                    self.floor.ended();
                } else {
                    self.floor.unsit(&seat);
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
        if !self.floor.may_start(now_us) {
            return;
        }
        if self.windows.is_none() {
            self.todo.extend(self.book.woken(now_us));
            let order: Vec<Start> = self.todo.drain(..).collect();
            self.open(order);
        } else if self.in_window > 0 && self.lanes.is_empty() && self.floor.running() == 0 {
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
                self.book.expire(start, expires_ms);
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
        let place = self.worker.crew().place();
        let lane = Arc::new(Lane::new(order, closes_us, place.generation));
        self.floor.open(Arc::clone(&lane));
        place.handle.spawn(tokio::task::unconstrained(drive(Arc::clone(&self.floor), Arc::clone(&lane))));
        self.lanes.push((lane, 0));
    }

    /// The calls of the next window, if one may be marked now.
    fn next_window(&mut self, now_us: u64) -> Option<Window> {
        let careful = self.windows.as_ref()?;
        let idle = self.floor.running() == 0 && self.lanes.is_empty() && self.marked.is_empty();
        if !idle || self.todo.is_empty() || !self.floor.may_start(now_us) {
            return None;
        }
        let size = self.todo.len().min(careful.size() as usize);
        self.marked = self.todo.drain(..size).collect();
        Some(careful.window(self.marked.iter().map(|start| start.position).collect()))
    }

    /// Sends a recording on its way, if one is due.
    fn record(&mut self, now_us: u64) {
        if !self.tenure.may_write(now_us) {
            return;
        }
        let window = self.next_window(now_us);
        let dirty = self.book.recorder.is_dirty();
        if window.is_some() || self.tenure.is_due(dirty, now_us) {
            let record = dirty.then(|| self.book.recorder.depart());
            self.tenure.depart(record, window, now_us);
        }
    }

    fn landed(&mut self, landed: Result<(), PortError>) -> Result<(), Lost> {
        let marked = std::mem::take(&mut self.marked);
        if self.tenure.landed(landed)? {
            self.book.recorder.landed();
            self.floor.halt(self.grace_us.is_some());
            self.in_window += marked.len() as u32;
            self.open(marked);
        } else {
            // No call starts unguarded (rule 7).
            self.floor.halt(true);
            self.book.recorder.failed();
            marked.into_iter().rev().for_each(|start| self.todo.push_front(start));
        }
        Ok(())
    }

    /// Waits until there is something to do.
    async fn pause(&mut self, now_us: u64) -> Result<(), Lost> {
        let at_us = self.next_us(now_us);
        self.floor.look_at(at_us, !self.lanes.is_empty() || self.book.recorder.is_dirty());
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
            landed = self.tenure.landing() => landed,
            () = self.floor.wake.notified() => return Ok(()),
            () = self.worker.stopped(), if self.grace_us.is_none() => return Ok(()),
            () = sleep => return Ok(()),
        };
        self.landed(landed)
    }

    /// When there is something to do unless something happens before.
    fn next_us(&self, now_us: u64) -> u64 {
        let mut next_us = self.tenure.next_us(self.book.recorder.is_dirty(), now_us);
        let mut at = |at_us: u64| next_us = next_us.min(at_us);
        if !self.lanes.is_empty() {
            at(now_us + self.tenure.checkpoint_us());
        }
        self.floor.seats().iter().for_each(|seat| at(seat.due_us));
        for (lane, _) in &self.lanes {
            if let Some(since_us) = lane.reached().polling_since_us {
                at(self.floor.due_us(since_us));
            }
        }
        if self.windows.is_none() && self.floor.may_start(now_us) {
            self.book.wakes_us().into_iter().for_each(&mut at);
        }
        self.grace_us.filter(|grace_us| *grace_us > now_us).into_iter().for_each(&mut at);
        next_us
    }

    /// Whether nothing is left that this run may start.
    fn is_through(&self, now_us: u64) -> bool {
        self.marked.is_empty() && (self.todo.is_empty() || !self.floor.may_start(now_us))
    }
}
