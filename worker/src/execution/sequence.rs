//! One call after the other, polled where the sequence is. A call that ends at its first poll costs no task, no timer
//! and no lock; one that does not gets a seat, and the sequence goes on.
//!
//! Between sequence and run stands one number: the place the sequence has reached. Only whoever moves it says what becomes
//! of the call there. So the run can take a sequence over whose thread is blocked: it gives the call that blocks a seat
//! and opens another sequence for the rest. When the blocked poll returns, its sequence finds the number changed, goes on
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

use super::{
    permits::Permit,
    run_state::{Ending, Report, RunState},
    suspended::{RunsOn, Start, SuspendedCall},
    threads::thread_number,
};
use crate::outcome::{Answer, End};

/// For how long a sequence polls calls before it lets others have its thread.
const BURST_US: u64 = 500;

/// Of how many calls a burst has at most, should the clock stand still.
const BURST_CALLS: u32 = 512;

const IDLE: u64 = 1 << 32;
const ENDED_ITSELF: u64 = 1 << 33;
const TAKEN_OVER: u64 = 1 << 34;
/// The sequence says what became of the call there.
const SAYING: u64 = 1 << 35;

/// Calls to be started one after the other.
#[derive(Debug)]
pub(crate) struct Sequence {
    order: Vec<Start>,
    /// Nothing is started from then on.
    closes_us: u64,
    generation: usize,
    at: AtomicU64,
    since_us: AtomicU64,
    thread: AtomicU32,
    reported: AtomicU64,
    /// The seat of the call at which the sequence was taken over.
    relief: Mutex<Option<Arc<SuspendedCall>>>,
    /// By which it polls.
    permit: Mutex<Option<Permit>>,
}

/// Where a sequence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
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
    Suspended,
    /// The sequence was taken over.
    TakenOver,
}

enum Begun {
    Ended(End),
    Pending(BoxFuture<'static, Ended>),
    Job(Job),
}

impl Sequence {
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

    pub(crate) fn progress(&self) -> Progress {
        loop {
            let at = self.at.load(Ordering::Acquire);
            let since_us = self.since_us.load(Ordering::Acquire);
            if at == self.at.load(Ordering::Acquire) {
                let polling = at & (IDLE | ENDED_ITSELF | TAKEN_OVER | SAYING) == 0;
                return Progress {
                    passed: (at as u32) as usize,
                    polling_since_us: polling.then_some(since_us),
                    closed: at & (ENDED_ITSELF | TAKEN_OVER) != 0,
                };
            }
        }
    }

    /// Takes an idle sequence over where it was seen. `false` if it has moved on since.
    pub(crate) fn take_over(&self, seen: Progress) -> bool {
        let at = seen.passed as u64;
        self.step(at | IDLE, at | TAKEN_OVER)
    }

    /// Takes the sequence over that polls the call there, which gets this seat. `false` if it has moved on since.
    pub(crate) fn relieve(&self, seen: Progress, call: &Arc<SuspendedCall>) -> bool {
        let at = seen.passed as u64;
        // Held until the seat has all, for the sequence looks there for it.
        let mut relief = self.relief();
        *relief = Some(Arc::clone(call));
        let taken = self.step(at, (at + 1) | TAKEN_OVER);
        if taken {
            call.keep(self.permit().take());
        } else {
            *relief = None;
        }
        taken
    }

    /// Takes the sequence over wherever it is.
    pub(crate) fn abandon(&self) {
        self.at.fetch_or(TAKEN_OVER, Ordering::AcqRel);
        drop(self.permit().take());
    }

    /// Ends the sequence where it is, unless it has ended or was taken over. `say` tells of the call that it was polling.
    fn break_off(&self, say: impl FnOnce(Start)) -> bool {
        loop {
            let at = self.at.load(Ordering::Acquire);
            let passed = u64::from(at as u32);
            if at & (ENDED_ITSELF | TAKEN_OVER) != 0 {
                return false;
            }
            match self.order.get(passed as usize).filter(|_| at & IDLE == 0) {
                None if self.step(at, passed | TAKEN_OVER) => return true,
                // First, so that the run does not give it a seat.
                Some(start) if self.step(at, passed | SAYING) => {
                    say(*start);
                    return self.step(passed | SAYING, (passed + 1) | TAKEN_OVER);
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

    fn relief(&self) -> MutexGuard<'_, Option<Arc<SuspendedCall>>> {
        self.relief.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, from: u64, to: u64) -> bool {
        self.at.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Starts the calls of a sequence.
pub(crate) async fn drive(state: Arc<RunState>, sequence: Arc<Sequence>) {
    let driver = Driver { state, sequence };
    let Driver { state, sequence } = &driver;
    let mut at = 0;
    loop {
        let Some(permit) = state.permits.acquire().await else { return };
        let now_us = state.now_us();
        sequence.since_us.store(now_us, Ordering::Release);
        sequence.thread.store(thread_number(), Ordering::Relaxed);
        *sequence.permit() = Some(permit);
        if !sequence.step(at | IDLE, at) {
            return;
        }
        state.nudge(state.deadline_us(now_us));
        match burst(state, sequence, &mut at, now_us) {
            // Its task must not wait on this thread behind a call that blocks it.
            Burst::Suspended => tokio::task::yield_now().await,
            Burst::TakenOver => return,
            Burst::Pause => {
                if !sequence.step(at, at | IDLE) {
                    return;
                }
                drop(sequence.permit().take());
                tokio::task::yield_now().await;
            }
            Burst::Over => {
                if sequence.step(at, at | ENDED_ITSELF) {
                    drop(sequence.permit().take());
                    state.ended();
                    state.wake.notify_one();
                }
                return;
            }
        }
    }
}

/// Drives a sequence. However it ends, by a panic or with its runtime too, the run is told: it waits for all of its sequences.
struct Driver {
    state: Arc<RunState>,
    sequence: Arc<Sequence>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let Self { state, sequence } = self;
        let panics = std::thread::panicking();
        // A panic in here would end the process.
        let _ = guard(|| {
            if let Some(call) = sequence.relief().take() {
                // Taken over where nothing had begun, unless it was a panic that came between.
                let end = if panics { End::Broken(PANICKED) } else { End::Unstarted };
                state.leave(&call);
                state.end(&call, end, call.started_us);
            }
            drop(sequence.permit().take());
            let broke_off = sequence.break_off(|start| {
                let ended_us = sequence.since_us.load(Ordering::Acquire);
                let end = End::Broken(if panics { PANICKED } else { ENDED });
                state.report(Report::Ended(Ending { start, took_us: 0, ended_us, end }));
            });
            if broke_off {
                state.ended();
                state.wake.notify_one();
            }
        });
    }
}

/// Brings a call in its seat to its end. Whatever drops it, its thread or its runtime, the run is told.
struct Sitter {
    state: Arc<RunState>,
    call: Arc<SuspendedCall>,
}

impl Drop for Sitter {
    fn drop(&mut self) {
        let Self { state, call } = self;
        if !call.is_over() {
            let end = End::Broken(if std::thread::panicking() { PANICKED } else { ENDED });
            // A panic in here would end the process.
            let _ = guard(|| {
                state.leave(call);
                state.end(call, end, call.started_us);
            });
        }
    }
}

const PANICKED: &str = "its thread panicked outside of its code";
const ENDED: &str = "its thread or its runtime ended";

/// Starts calls until something else has to happen. The clock is read once for each: the end of one is the start
/// of the next.
fn burst(state: &Arc<RunState>, sequence: &Arc<Sequence>, at: &mut u64, mut now_us: u64) -> Burst {
    let pause_us = now_us + BURST_US;
    for _ in 0..BURST_CALLS {
        let Some(start) = sequence.order.get(*at as usize).copied() else { return Burst::Over };
        if now_us >= sequence.closes_us || !state.may_start(now_us) {
            return Burst::Over;
        }
        sequence.since_us.store(now_us, Ordering::Release);
        let (begun, span) = begin(state, start, now_us);
        let started_us = now_us;
        now_us = state.now_us();
        let next = *at + 1;
        if matches!(begun, Begun::Ended(End::Returned(Answer::Done(None)))) {
            // The usual end, and all that is said of it.
            if !sequence.step(*at, next) {
                go_on_suspended(state, sequence, begun, span);
                return Burst::TakenOver;
            }
            state.took(now_us.saturating_sub(started_us));
        } else if !sequence.step(*at, *at | SAYING) {
            go_on_suspended(state, sequence, begun, span);
            return Burst::TakenOver;
        } else if let Begun::Ended(end) = begun {
            let took_us = now_us.saturating_sub(started_us);
            state.took(took_us);
            state.report(Report::Ended(Ending { start, took_us, ended_us: now_us, end }));
            if !sequence.step(*at | SAYING, next) {
                return Burst::TakenOver;
            }
        } else {
            state.report(Report::Suspended(start));
            let call = suspend(state, sequence, start, started_us, &begun);
            go_on(state, &call, begun, span);
            let went_on = sequence.step(*at | SAYING, next | IDLE);
            *at = next;
            return if went_on { Burst::Suspended } else { Burst::TakenOver };
        }
        *at = next;
        if now_us >= pause_us {
            break;
        }
    }
    Burst::Pause
}

/// Decodes a call's arguments and polls it once. A panic in either is its own.
fn begin(state: &RunState, start: Start, now_us: u64) -> (Begun, Span) {
    let (def, id) = (state.def, state.parcel.call(start.position));
    // Of the highest level: what a task logs is told apart as long as anything of this crate is logged.
    let span = tracing::error_span!("call", task = def.name, %id, attempt = start.attempt);
    let cx = Context::until(id, def.name, start.attempt, state.deadline_us(now_us), &state.shared);
    let args = state.parcel.args(start.position);
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
fn suspend(state: &RunState, sequence: &Sequence, start: Start, started_us: u64, going: &Begun) -> Arc<SuspendedCall> {
    let runs_on =
        if matches!(going, Begun::Job(_)) { RunsOn::OwnThread } else { RunsOn::PollThread(sequence.generation) };
    let call = Arc::new(SuspendedCall::new(start, runs_on, started_us, state.deadline_us(started_us)));
    call.keep(sequence.permit().take());
    state.suspend(&call);
    call
}

/// The sequence was taken over while it polled a call: that call has its seat, unless the whole parcel was lost.
fn go_on_suspended(state: &Arc<RunState>, sequence: &Sequence, begun: Begun, span: Span) {
    let call = sequence.relief().take();
    match call {
        Some(call) => {
            state.leave(&call);
            go_on(state, &call, begun, span);
        }
        None => discard(begun),
    }
}

/// Brings a call in its seat to its end.
fn go_on(state: &Arc<RunState>, call: &Arc<SuspendedCall>, going: Begun, span: Span) {
    let sitter = Sitter { state: Arc::clone(state), call: Arc::clone(call) };
    match going {
        Begun::Ended(end) => {
            state.end(call, end, state.now_us());
        }
        Begun::Pending(future) => {
            let task = Handle::current().spawn(poll(sitter, future).instrument(span));
            call.hold(task.abort_handle());
        }
        Begun::Job(job) => {
            let runtime = Handle::current();
            state.blocking.run(Box::new(move || {
                // Its thread is none of the crew's. With the runtime it can block on what is async.
                let _runtime = runtime.enter();
                let client = sitter.state.client.clone();
                let _client = client.enter_as_worker();
                span.in_scope(|| run(&sitter, job));
            }));
        }
    }
}

/// Polls a call to its end.
async fn poll(sitter: Sitter, mut future: BoxFuture<'static, Ended>) {
    let Sitter { state, call } = &sitter;
    let end = std::future::poll_fn(|context| {
        if call.is_over() {
            // Said by the run: the task is about to be ended.
            return Poll::Pending;
        }
        call.enter(state.now_us());
        let polled = guard(|| future.as_mut().poll(context).map(Answer::of));
        state.leave(call);
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(answer)) => Poll::Ready(End::Returned(answer)),
            Err(panic) => Poll::Ready(End::Panicked(panic.to_string())),
        }
    });
    let end = end.await;
    // Before the future is dropped, which may block or panic.
    state.end(call, end, state.now_us());
    discard(future);
}

/// Runs a blocking call, unless its time was over before a thread was free for it.
fn run(sitter: &Sitter, job: Job) {
    let Sitter { state, call } = sitter;
    if call.is_over() {
        return discard(job);
    }
    call.enter(state.now_us());
    let end = match guard(|| Answer::of(job())) {
        Ok(answer) => End::Returned(answer),
        Err(panic) => End::Panicked(panic.to_string()),
    };
    let now_us = state.now_us();
    state.leave(call);
    state.end(call, end, now_us);
}
