//! Polls the calls of a sequence, each once. A call that ends at its first poll costs no task, no timer and no lock. A
//! call that does not end is suspended, and the sequence goes on.

use std::sync::{Arc, atomic::Ordering};

use celeriac_core::panics::{discard, guard};
use tracing::Span;

use super::{
    call_driver::{ENDED, PANICKED, go_on},
    reports::{Ending, Report},
    run_state::RunState,
    sequence::{IDLE, LEFT, REPORTING, Sequence},
    start::Start,
    suspended::{RunsOn, SuspendedCall},
    threads::thread_number,
    user_code::{self, Started},
};
use crate::outcome::{Answer, End};

/// How long calls are polled before other work gets the thread.
const BURST_US: u64 = 500;

/// How many calls a burst has at most, in case the clock stands still.
const BURST_CALLS: u32 = 512;

/// Why a burst of calls ended.
enum Burst {
    /// The next call may not start, or there is none.
    Over,
    /// Other work gets the thread.
    Pause,
    /// A call was suspended and took the permit with it.
    Suspended,
    /// The sequence was taken over.
    TakenOver,
}

/// Starts the calls of a sequence.
pub(super) async fn drive(state: Arc<RunState>, sequence: Arc<Sequence>) {
    let driver = SequenceDriver { state, sequence };
    let SequenceDriver { state, sequence } = &driver;
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
        state.reports.nudge(state.deadline_us(now_us));
        match burst(state, sequence, &mut at, now_us) {
            // The task of the suspended call must not wait on this thread behind a call that blocks it.
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
                if sequence.step(at, at | LEFT) {
                    drop(sequence.permit().take());
                    state.ended();
                    state.reports.wake();
                }
                return;
            }
        }
    }
}

/// Drives a sequence. The run waits for all of its sequences, so the driver tells the run however the sequence ends,
/// even by a panic or with its runtime.
struct SequenceDriver {
    state: Arc<RunState>,
    sequence: Arc<Sequence>,
}

impl Drop for SequenceDriver {
    fn drop(&mut self) {
        let Self { state, sequence } = self;
        let panics = std::thread::panicking();
        // A panic here would end the process.
        let _ = guard(|| {
            if let Some(call) = sequence.blocking_call().take() {
                // The sequence was taken over before this call began, unless a panic came in between.
                let end = if panics { End::Broken(PANICKED) } else { End::Unstarted };
                state.leave(&call);
                state.end(&call, end, call.started_us);
            }
            drop(sequence.permit().take());
            let broke_off = sequence.break_off(|start| {
                let ended_us = sequence.since_us.load(Ordering::Acquire);
                let end = End::Broken(if panics { PANICKED } else { ENDED });
                state.reports.push(Report::Ended(Ending { start, took_us: 0, ended_us, end }));
            });
            if broke_off {
                state.ended();
                state.reports.wake();
            }
        });
    }
}

/// Starts calls until something else has to happen. The clock is read once for each call: the end of one call is the
/// start of the next.
fn burst(state: &Arc<RunState>, sequence: &Arc<Sequence>, at: &mut u64, mut now_us: u64) -> Burst {
    let pause_us = now_us + BURST_US;
    for _ in 0..BURST_CALLS {
        let Some(start) = sequence.starts().get(*at as usize).copied() else { return Burst::Over };
        if now_us >= sequence.closes_us || !state.may_start(now_us) {
            return Burst::Over;
        }
        sequence.since_us.store(now_us, Ordering::Release);
        let (started, span) = user_code::start(state, start, now_us);
        let started_us = now_us;
        now_us = state.now_us();
        let next = *at + 1;
        if matches!(started, Started::Ended(End::Returned(Answer::Done(None)))) {
            // The usual end, of which nothing else is reported.
            if !sequence.step(*at, next) {
                go_on_taken_over(state, sequence, started, span);
                return Burst::TakenOver;
            }
            state.took(now_us.saturating_sub(started_us));
        } else if !sequence.step(*at, *at | REPORTING) {
            go_on_taken_over(state, sequence, started, span);
            return Burst::TakenOver;
        } else if let Started::Ended(end) = started {
            let took_us = now_us.saturating_sub(started_us);
            state.took(took_us);
            state.reports.push(Report::Ended(Ending { start, took_us, ended_us: now_us, end }));
            if !sequence.step(*at | REPORTING, next) {
                return Burst::TakenOver;
            }
        } else {
            state.reports.push(Report::Suspended(start));
            let call = suspend(state, sequence, start, started_us, &started);
            go_on(state, &call, started, span);
            let goes_on = sequence.step(*at | REPORTING, next | IDLE);
            *at = next;
            return if goes_on { Burst::Suspended } else { Burst::TakenOver };
        }
        *at = next;
        if now_us >= pause_us {
            break;
        }
    }
    Burst::Pause
}

/// Suspends a call after its first poll.
fn suspend(
    state: &RunState,
    sequence: &Sequence,
    start: Start,
    started_us: u64,
    started: &Started,
) -> Arc<SuspendedCall> {
    let runs_on = match started {
        Started::Blocking(_) => RunsOn::OwnThread,
        Started::Ended(_) | Started::Pending(_) => RunsOn::PollThread(sequence.generation()),
    };
    let call = Arc::new(SuspendedCall::new(start, runs_on, started_us, state.deadline_us(started_us)));
    call.keep_permit(sequence.permit().take());
    state.suspend(&call);
    call
}

/// Continues a call whose sequence was taken over while it was polled. The call is suspended already, unless the whole
/// parcel was given up.
fn go_on_taken_over(state: &Arc<RunState>, sequence: &Sequence, started: Started, span: Span) {
    let call = sequence.blocking_call().take();
    match call {
        Some(call) => {
            state.leave(&call);
            go_on(state, &call, started, span);
        }
        None => discard(started),
    }
}
