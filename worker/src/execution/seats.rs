//! Seats that the calls of both lanes share: as many calls run at a time as there are seats.
//!
//! A free seat goes to an interactive call first. Neither lane starves the other: of seats that both wait for, a fifth
//! goes to bulk calls, and of many seats bulk leaves a few free for interactive calls to come.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use celeriac_core::{Lane, PerLane};
use tokio::sync::oneshot;

/// Bulk has at least one of so many seats, if it wants them, and makes at least one of so many starts.
const BULK_ONE_OF: u32 = 5;

/// Bulk leaves one of so many seats free, so that interactive calls need not wait for a long bulk call to end. It is
/// all that interactive calls which are not there cost bulk.
const KEPT_ONE_OF: u32 = 20;

/// A limited number of seats.
#[derive(Debug)]
pub(super) struct Seats {
    most: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: PerLane<u32>,
    waiting: PerLane<VecDeque<oneshot::Sender<Seat>>>,
    /// How many interactive calls got a seat since the last bulk call, while one waited.
    passed: u32,
}

/// The right to run a call, until this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    lane: Lane,
}

impl Seats {
    /// This many seats, at least one.
    pub(super) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), state: Mutex::default() })
    }

    /// Takes a seat that is free for this lane, unless others of the lane wait.
    pub(super) fn try_take(self: &Arc<Self>, lane: Lane) -> Option<Seat> {
        let mut state = self.lock();
        if !state.waiting.of(lane).is_empty() || !state.has_room(lane, self.most) {
            return None;
        }
        Some(self.seat(&mut state, lane))
    }

    /// Waits for a seat. Within a lane the first to come is the first to get one.
    pub(super) async fn take(self: &Arc<Self>, lane: Lane) -> Seat {
        loop {
            let receiver = {
                let mut state = self.lock();
                if state.waiting.of(lane).is_empty() && state.has_room(lane, self.most) {
                    return self.seat(&mut state, lane);
                }
                let (sender, receiver) = oneshot::channel();
                state.waiting.of_mut(lane).push_back(sender);
                receiver
            };
            // The sender is dropped only with the seats, which this has.
            if let Ok(seat) = receiver.await {
                return seat;
            }
        }
    }

    /// Frees a seat, and hands free seats to calls that wait. Under one lock, so that no call that comes in between takes
    /// the seat from a call that waits.
    fn give_back(self: &Arc<Self>, lane: Lane) {
        let mut unwanted = Vec::new();
        let mut state = self.lock();
        *state.taken.of_mut(lane) -= 1;
        while let Some(lane) = state.next(self.most) {
            let Some(waiter) = state.waiting.of_mut(lane).pop_front() else { break };
            if waiter.is_closed() {
                continue;
            }
            let seat = self.seat(&mut state, lane);
            unwanted.extend(waiter.send(seat).err());
        }
        // A seat takes the lock when it is dropped.
        drop(state);
        drop(unwanted);
    }

    fn seat(self: &Arc<Self>, state: &mut State, lane: Lane) -> Seat {
        *state.taken.of_mut(lane) += 1;
        let bulk_waits = !state.waiting.of(Lane::Bulk).is_empty();
        state.passed = if lane == Lane::Interactive && bulk_waits { state.passed.saturating_add(1) } else { 0 };
        Seat { seats: Arc::clone(self), lane }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, lane: Lane, most: u32) -> bool {
        let taken: u32 = self.taken.both().into_iter().sum();
        let most_of_bulk = most - most / KEPT_ONE_OF;
        taken < most && (lane == Lane::Interactive || *self.taken.of(Lane::Bulk) < most_of_bulk)
    }

    /// The lane whose first waiting call gets a seat now.
    fn next(&self, most: u32) -> Option<Lane> {
        let can = |lane| !self.waiting.of(lane).is_empty() && self.has_room(lane, most);
        let is_bulk_short = || *self.taken.of(Lane::Bulk) < most / BULK_ONE_OF || self.passed >= BULK_ONE_OF - 1;
        match (can(Lane::Interactive), can(Lane::Bulk)) {
            (true, true) => Some(if is_bulk_short() { Lane::Bulk } else { Lane::Interactive }),
            (true, false) => Some(Lane::Interactive),
            (false, true) => Some(Lane::Bulk),
            (false, false) => None,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.give_back(self.lane);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        future::Future,
        pin::Pin,
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };

    use futures::FutureExt as _;

    use super::*;

    const BOTH: [Lane; 2] = [Lane::Interactive, Lane::Bulk];

    type Waiting = Pin<Box<dyn Future<Output = Seat> + Send>>;

    /// Calls of both lanes wait without end for seats, and each seat is held for as many rounds as its lane's calls
    /// take. Returns how many calls of each lane got one.
    fn endless(most: u32, rounds: u32, takes: impl Fn(Lane) -> u32) -> PerLane<u32> {
        let seats = Seats::new(most);
        let mut waiting: Vec<(Lane, Waiting)> = Vec::new();
        let mut held: BTreeMap<u32, Vec<Seat>> = BTreeMap::new();
        let mut started = PerLane::<u32>::default();
        for round in 0..rounds {
            drop(held.remove(&round));
            for lane in BOTH {
                while waiting.iter().filter(|(of, _)| *of == lane).count() < 2 * most as usize {
                    let seats = Arc::clone(&seats);
                    waiting.push((lane, Box::pin(async move { seats.take(lane).await })));
                }
            }
            let mut still = Vec::new();
            for (lane, mut take) in std::mem::take(&mut waiting) {
                match take.as_mut().now_or_never() {
                    Some(seat) => {
                        *started.of_mut(lane) += 1;
                        held.entry(round + takes(lane)).or_default().push(seat);
                    }
                    None => still.push((lane, take)),
                }
            }
            waiting = still;
            let running = held.values().map(Vec::len).sum::<usize>();
            assert!(running <= most as usize, "{running} of {most} run in round {round}");
        }
        started
    }

    #[test]
    fn bulk_has_a_fifth_of_what_it_has_alone_under_endless_interactive_load() {
        for most in [1, 2, 3, 5, 7, 20, 64, 100] {
            for (interactive, bulk) in [(1, 1), (7, 7), (1, 9), (9, 1)] {
                let rounds = 4_000;
                let started = endless(most, rounds, |lane| if lane == Lane::Bulk { bulk } else { interactive });
                let (fast, slow) = (*started.of(Lane::Interactive), *started.of(Lane::Bulk));
                // In as many starts, or in as much of the seats.
                let by_starts = f64::from(slow) / f64::from(slow + fast);
                let by_seats = f64::from(slow * bulk) / f64::from(most * rounds);
                assert!(by_starts.max(by_seats) >= 0.18, "{most} seats, {interactive} to {bulk}: {slow} beside {fast}");
                assert!(fast > slow / 5, "{most} seats: {fast} beside {slow}");
            }
        }
    }

    #[test]
    fn a_free_seat_goes_to_an_interactive_call_first() {
        let seats = Seats::new(3);
        let mut held: Vec<_> = (0..3).filter_map(|_| seats.try_take(Lane::Bulk)).collect();
        assert_eq!(held.len(), 3, "alone, bulk has every seat");
        let mut bulk = Box::pin(seats.take(Lane::Bulk));
        let mut lone = Box::pin(seats.take(Lane::Interactive));
        assert!(bulk.as_mut().now_or_never().is_none() && lone.as_mut().now_or_never().is_none());
        held.pop();
        assert!(bulk.as_mut().now_or_never().is_none());
        let lone = lone.now_or_never().expect("it has passed the bulk call");
        assert!(seats.try_take(Lane::Bulk).is_none());
        drop(lone);
        assert!(bulk.now_or_never().is_some());
    }

    #[test]
    fn of_many_seats_bulk_leaves_a_twentieth_free() {
        let seats = Seats::new(100);
        let bulk: Vec<_> = std::iter::from_fn(|| seats.try_take(Lane::Bulk)).collect();
        let interactive: Vec<_> = std::iter::from_fn(|| seats.try_take(Lane::Interactive)).collect();
        assert_eq!((bulk.len(), interactive.len()), (95, 5));
        drop((bulk, interactive));
        let interactive: Vec<_> = std::iter::from_fn(|| seats.try_take(Lane::Interactive)).collect();
        assert_eq!(interactive.len(), 100, "alone, interactive calls have every seat");
    }

    #[test]
    fn no_call_takes_a_seat_between_its_end_and_the_call_that_waits_for_it() {
        let seats = Seats::new(1);
        let mut held = seats.try_take(Lane::Bulk).expect("it is free");
        let (rounds, tries, passed) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
        // Both go on until both have done enough, so that they meet.
        let goes_on = || rounds.load(Relaxed) < 50_000 || tries.load(Relaxed) < 500_000;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while goes_on() {
                    passed.fetch_add(u32::from(seats.try_take(Lane::Bulk).is_some()), Relaxed);
                    tries.fetch_add(1, Relaxed);
                }
            });
            while goes_on() {
                let mut lone = Box::pin(seats.take(Lane::Interactive));
                assert!(lone.as_mut().now_or_never().is_none());
                drop(held);
                // Always one call has the seat, or is given it.
                held =
                    std::iter::repeat_with(|| lone.as_mut().now_or_never()).flatten().next().expect("it is its turn");
                rounds.fetch_add(1, Relaxed);
            }
        });
        assert_eq!(passed.into_inner(), 0, "so many bulk calls came later and got the seat first");
    }

    #[test]
    fn a_seat_for_a_call_that_no_longer_waits_goes_to_the_next() {
        let seats = Seats::new(1);
        let held = seats.try_take(Lane::Bulk);
        let mut gone: Vec<_> = (0..1000).map(|_| Box::pin(seats.take(Lane::Interactive))).collect();
        for take in &mut gone {
            assert!(take.as_mut().now_or_never().is_none());
        }
        let mut waits = Box::pin(seats.take(Lane::Interactive));
        assert!(waits.as_mut().now_or_never().is_none());
        // The first has got the seat and has not looked.
        drop(held);
        drop(gone);
        assert!(waits.now_or_never().is_some());
        assert!(seats.try_take(Lane::Bulk).is_some(), "it is free again");
    }
}
