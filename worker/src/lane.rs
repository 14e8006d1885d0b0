//! One call after the other, polled where the lane is. A call that ends at its first poll costs no task, no timer
//! and no lock; one that does not gets a seat, and the lane goes on.
//!
//! Between lane and run stands one number: the place the lane has reached. Only whoever moves it says what becomes
//! of the call there. So the run can take a lane over whose thread is blocked: it gives the call that blocks a seat
//! and opens another lane for the rest. When the blocked poll returns, its lane finds the number changed, goes on
//! with that one call in its seat, and leaves.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    task::{self, Poll},
};

use celeriac_core::{
    panics::{discard, guard},
    task::{Body, Context, Ended, Job},
};
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tracing::{Instrument as _, Span};

use crate::{
    answer::Answer,
    crew::thread_number,
    floor::{Ending, Floor, Report},
    permits::Permit,
    seat::{Ground, Seat, Start},
    verdict::End,
};

/// For how long a lane polls calls before it lets others have its thread.
const BURST_US: u64 = 500;

/// Of how many calls a burst has at most, should the clock stand still.
const BURST_CALLS: u32 = 512;

const IDLE: u64 = 1 << 32;
const LEFT: u64 = 1 << 33;
const LOST: u64 = 1 << 34;
/// The lane says what became of the call there.
const SAYING: u64 = 1 << 35;

/// Calls to be started one after the other.
#[derive(Debug)]
pub(crate) struct Lane {
    order: Vec<Start>,
    /// Nothing is started from then on.
    closes_us: u64,
    generation: usize,
    at: AtomicU64,
    since_us: AtomicU64,
    thread: AtomicU32,
    reported: AtomicU64,
    /// The seat of the call at which the lane was taken over.
    relief: Mutex<Option<Arc<Seat>>>,
    /// By which it polls.
    permit: Mutex<Option<Permit>>,
}

/// Where a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    /// How many of its calls it has passed.
    pub(crate) passed: usize,
    /// Since when it polls the next; `None` while it polls none.
    pub(crate) polling_since_us: Option<u64>,
    /// Whether it has been left or lost, so that the rest is not started by it.
    pub(crate) closed: bool,
}

enum Burst {
    /// The next is not to be started.
    Over,
    /// Others want the thread.
    Pause,
    /// The permit went with a call that took a seat.
    Seated,
    /// The lane was taken over.
    Lost,
}

enum Begun {
    Ended(End),
    Pending(BoxFuture<'static, Ended>),
    Job(Job),
}

impl Lane {
    pub(crate) fn new(order: Vec<Start>, closes_us: u64, generation: usize) -> Self {
        Self {
            order,
            closes_us,
            generation,
            at: AtomicU64::new(IDLE),
            since_us: AtomicU64::new(0),
            thread: AtomicU32::new(0),
            reported: AtomicU64::new(0),
            relief: Mutex::default(),
            permit: Mutex::default(),
        }
    }

    pub(crate) fn order(&self) -> &[Start] {
        &self.order
    }

    pub(crate) fn generation(&self) -> usize {
        self.generation
    }

    pub(crate) fn reached(&self) -> Reached {
        loop {
            let at = self.at.load(Ordering::Acquire);
            let since_us = self.since_us.load(Ordering::Acquire);
            if at == self.at.load(Ordering::Acquire) {
                let polling = at & (IDLE | LEFT | LOST | SAYING) == 0;
                return Reached {
                    passed: (at as u32) as usize,
                    polling_since_us: polling.then_some(since_us),
                    closed: at & (LEFT | LOST) != 0,
                };
            }
        }
    }

    /// Takes an idle lane over where it was seen. `false` if it has moved on since.
    pub(crate) fn take_over(&self, seen: Reached) -> bool {
        let at = seen.passed as u64;
        self.step(at | IDLE, at | LOST)
    }

    /// Takes the lane over that polls the call there, which gets this seat. `false` if it has moved on since.
    pub(crate) fn relieve(&self, seen: Reached, seat: &Arc<Seat>) -> bool {
        let at = seen.passed as u64;
        // Held until the seat has all, for the lane looks there for it.
        let mut relief = self.relief();
        *relief = Some(Arc::clone(seat));
        let taken = self.step(at, (at + 1) | LOST);
        if taken {
            seat.keep(self.permit().take());
        } else {
            *relief = None;
        }
        taken
    }

    /// Takes the lane over wherever it is.
    pub(crate) fn lose(&self) {
        self.at.fetch_or(LOST, Ordering::AcqRel);
        drop(self.permit().take());
    }

    /// Ends the lane where it is, unless it has ended or was taken over. `say` tells of the call that it was polling.
    fn fall(&self, say: impl FnOnce(Start)) -> bool {
        loop {
            let at = self.at.load(Ordering::Acquire);
            let passed = u64::from(at as u32);
            if at & (LEFT | LOST) != 0 {
                return false;
            }
            match self.order.get(passed as usize).filter(|_| at & IDLE == 0) {
                None if self.step(at, passed | LOST) => return true,
                // First, so that the run does not give it a seat.
                Some(start) if self.step(at, passed | SAYING) => {
                    say(*start);
                    return self.step(passed | SAYING, (passed + 1) | LOST);
                }
                _ => {}
            }
        }
    }

    fn permit(&self) -> MutexGuard<'_, Option<Permit>> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread that it is on.
    pub(crate) fn thread(&self) -> u32 {
        self.thread.load(Ordering::Relaxed)
    }

    /// Whether nobody has reported yet that the call there blocks; from now on somebody has.
    pub(crate) fn report(&self, passed: usize) -> bool {
        let mark = passed as u64 + 1;
        self.reported.swap(mark, Ordering::Relaxed) != mark
    }

    fn relief(&self) -> MutexGuard<'_, Option<Arc<Seat>>> {
        self.relief.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, from: u64, to: u64) -> bool {
        self.at.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Starts the calls of a lane.
pub(crate) async fn drive(floor: Arc<Floor>, lane: Arc<Lane>) {
    let driver = Driver { floor, lane };
    let Driver { floor, lane } = &driver;
    let mut at = 0;
    loop {
        let Some(permit) = floor.permits.acquire().await else { return };
        let now_us = floor.now_us();
        lane.since_us.store(now_us, Ordering::Release);
        lane.thread.store(thread_number(), Ordering::Relaxed);
        *lane.permit() = Some(permit);
        if !lane.step(at | IDLE, at) {
            return;
        }
        floor.nudge(floor.due_us(now_us));
        match burst(floor, lane, &mut at, now_us) {
            // Its task must not wait on this thread behind a call that blocks it.
            Burst::Seated => tokio::task::yield_now().await,
            Burst::Lost => return,
            Burst::Pause => {
                if !lane.step(at, at | IDLE) {
                    return;
                }
                drop(lane.permit().take());
                tokio::task::yield_now().await;
            }
            Burst::Over => {
                if lane.step(at, at | LEFT) {
                    drop(lane.permit().take());
                    floor.ended();
                    floor.wake.notify_one();
                }
                return;
            }
        }
    }
}

/// Drives a lane. However it ends, by a panic or with its runtime too, the run is told: it waits for all of its lanes.
struct Driver {
    floor: Arc<Floor>,
    lane: Arc<Lane>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let Self { floor, lane } = self;
        let panics = std::thread::panicking();
        // A panic in here would end the process.
        let _ = guard(|| {
            if let Some(seat) = lane.relief().take() {
                // Taken over where nothing had begun, unless it was a panic that came between.
                let end = if panics { End::Broken(PANICKED) } else { End::Unstarted };
                floor.leave(&seat);
                floor.end(&seat, end, seat.started_us);
            }
            drop(lane.permit().take());
            let fell = lane.fall(|start| {
                let ended_us = lane.since_us.load(Ordering::Acquire);
                let end = End::Broken(if panics { PANICKED } else { ENDED });
                floor.report(Report::Ended(Ending { start, took_us: 0, ended_us, end }));
            });
            if fell {
                floor.ended();
                floor.wake.notify_one();
            }
        });
    }
}

/// Brings a call in its seat to its end. Whatever drops it, its thread or its runtime, the run is told.
struct Sitter {
    floor: Arc<Floor>,
    seat: Arc<Seat>,
}

impl Drop for Sitter {
    fn drop(&mut self) {
        let Self { floor, seat } = self;
        if !seat.is_over() {
            let end = End::Broken(if std::thread::panicking() { PANICKED } else { ENDED });
            // A panic in here would end the process.
            let _ = guard(|| {
                floor.leave(seat);
                floor.end(seat, end, seat.started_us);
            });
        }
    }
}

const PANICKED: &str = "its thread panicked outside of its code";
const ENDED: &str = "its thread or its runtime ended";

/// Starts calls until something else has to happen. The clock is read once for each: the end of one is the start
/// of the next.
fn burst(floor: &Arc<Floor>, lane: &Arc<Lane>, at: &mut u64, mut now_us: u64) -> Burst {
    let pause_us = now_us + BURST_US;
    for _ in 0..BURST_CALLS {
        let Some(start) = lane.order.get(*at as usize).copied() else { return Burst::Over };
        if now_us >= lane.closes_us || !floor.may_start(now_us) {
            return Burst::Over;
        }
        lane.since_us.store(now_us, Ordering::Release);
        let (begun, span) = begin(floor, start, now_us);
        let started_us = now_us;
        now_us = floor.now_us();
        let next = *at + 1;
        if matches!(begun, Begun::Ended(End::Returned(Answer::Done(None)))) {
            // The usual end, and all that is said of it.
            if !lane.step(*at, next) {
                relieved(floor, lane, begun, span);
                return Burst::Lost;
            }
            floor.took(now_us.saturating_sub(started_us));
        } else if !lane.step(*at, *at | SAYING) {
            relieved(floor, lane, begun, span);
            return Burst::Lost;
        } else if let Begun::Ended(end) = begun {
            let took_us = now_us.saturating_sub(started_us);
            floor.took(took_us);
            floor.report(Report::Ended(Ending { start, took_us, ended_us: now_us, end }));
            if !lane.step(*at | SAYING, next) {
                return Burst::Lost;
            }
        } else {
            floor.report(Report::Away(start));
            let seat = sit(floor, lane, start, started_us, &begun);
            go_on(floor, &seat, begun, span);
            let seated = lane.step(*at | SAYING, next | IDLE);
            *at = next;
            return if seated { Burst::Seated } else { Burst::Lost };
        }
        *at = next;
        if now_us >= pause_us {
            break;
        }
    }
    Burst::Pause
}

/// Decodes a call's arguments and polls it once. A panic in either is its own.
fn begin(floor: &Floor, start: Start, now_us: u64) -> (Begun, Span) {
    let (def, id) = (floor.def, floor.parcel.call(start.position));
    // Of the highest level: what a task logs is told apart as long as anything of this crate is logged.
    let span = tracing::error_span!("call", task = def.name, %id, attempt = start.attempt);
    let cx = Context::until(id, def.name, start.attempt, floor.due_us(now_us), &floor.shared);
    let args = floor.parcel.args(start.position);
    let reads = Cell::new(true);
    let begun = guard(|| {
        let _entered = span.enter();
        match def.body {
            Body::Blocking(body) => body(args, cx).map_or_else(|error| Begun::Ended(End::Misfit(error)), Begun::Job),
            Body::Async(body) => match body(args, cx) {
                Err(error) => Begun::Ended(End::Misfit(error)),
                Ok(mut future) => {
                    reads.set(false);
                    // Without a budget: with one, tokio's sockets and channels would say "not yet" to all calls after
                    // the first hundred of a burst.
                    match poll_once(&mut future) {
                        Poll::Ready(ended) => {
                            discard(future);
                            Begun::Ended(End::Returned(Answer::of(ended)))
                        }
                        Poll::Pending => Begun::Pending(future),
                    }
                }
            },
        }
    });
    let begun = begun.unwrap_or_else(|panic| {
        let said = if reads.get() { panic.during("while its arguments were read") } else { panic.to_string() };
        Begun::Ended(End::Panicked(said))
    });
    (begun, span)
}

/// The waker does nothing: a future that is pending is polled again at once, in its seat, with one that does.
fn poll_once(future: &mut BoxFuture<'static, Ended>) -> Poll<Ended> {
    let mut context = task::Context::from_waker(task::Waker::noop());
    let mut future = std::pin::pin!(tokio::task::coop::unconstrained(future));
    future.as_mut().poll(&mut context)
}

/// Gives a call a seat.
fn sit(floor: &Floor, lane: &Lane, start: Start, started_us: u64, going: &Begun) -> Arc<Seat> {
    let ground = if matches!(going, Begun::Job(_)) { Ground::Thread } else { Ground::Crew(lane.generation) };
    let seat = Arc::new(Seat::new(start, ground, started_us, floor.due_us(started_us)));
    seat.keep(lane.permit().take());
    floor.sit(&seat);
    seat
}

/// The lane was taken over while it polled a call: that call has its seat, unless the whole parcel was lost.
fn relieved(floor: &Arc<Floor>, lane: &Lane, begun: Begun, span: Span) {
    let seat = lane.relief().take();
    match seat {
        Some(seat) => {
            floor.leave(&seat);
            go_on(floor, &seat, begun, span);
        }
        None => discard(begun),
    }
}

/// Brings a call in its seat to its end.
fn go_on(floor: &Arc<Floor>, seat: &Arc<Seat>, going: Begun, span: Span) {
    let sitter = Sitter { floor: Arc::clone(floor), seat: Arc::clone(seat) };
    match going {
        Begun::Ended(end) => {
            floor.end(seat, end, floor.now_us());
        }
        Begun::Pending(future) => {
            let task = Handle::current().spawn(poll(sitter, future).instrument(span));
            seat.hold(task.abort_handle());
        }
        Begun::Job(job) => {
            let runtime = Handle::current();
            floor.blocking.run(Box::new(move || {
                // Its thread is none of the crew's. With the runtime it can block on what is async.
                let _runtime = runtime.enter();
                let client = sitter.floor.client.clone();
                let _client = client.enter_as_worker();
                span.in_scope(|| run(&sitter, job));
            }));
        }
    }
}

/// Polls a call to its end.
async fn poll(sitter: Sitter, mut future: BoxFuture<'static, Ended>) {
    let Sitter { floor, seat } = &sitter;
    let end = std::future::poll_fn(|context| {
        if seat.is_over() {
            // Said by the run: the task is about to be ended.
            return Poll::Pending;
        }
        seat.enter(floor.now_us());
        let polled = guard(|| future.as_mut().poll(context).map(Answer::of));
        floor.leave(seat);
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(answer)) => Poll::Ready(End::Returned(answer)),
            Err(panic) => Poll::Ready(End::Panicked(panic.to_string())),
        }
    });
    let end = end.await;
    // Before the future is dropped, which may block or panic.
    floor.end(seat, end, floor.now_us());
    discard(future);
}

/// Runs a blocking call, unless its time was over before a thread was free for it.
fn run(sitter: &Sitter, job: Job) {
    let Sitter { floor, seat } = sitter;
    if seat.is_over() {
        return discard(job);
    }
    seat.enter(floor.now_us());
    let end = match guard(|| Answer::of(job())) {
        Ok(answer) => End::Returned(answer),
        Err(panic) => End::Panicked(panic.to_string()),
    };
    let now_us = floor.now_us();
    floor.leave(seat);
    floor.end(seat, end, now_us);
}
