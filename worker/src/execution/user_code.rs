//! Calls the user's function: decodes its arguments, polls its future, runs its plain function. All of that runs behind
//! a panic guard, and returns plain data, or a call that has to be polled again.

use std::{
    cell::Cell,
    task::{self, Poll},
};

use celeriac_core::{
    panics::{discard, guard},
    task::{Body, Context, Ended, Job},
};
use futures::future::BoxFuture;
use tracing::Span;

use super::{run_state::RunState, start::Start};
use crate::outcome::{Answer, End};

/// How far a call got when it was started.
pub(super) enum Started {
    /// It has ended.
    Ended(End),
    /// Its future has to be polled again.
    Pending(BoxFuture<'static, Ended>),
    /// It is a plain function and needs a thread of its own.
    Blocking(Job),
}

/// Decodes a call's arguments and polls it once. A panic in either fails this call alone.
#[inline]
pub(super) fn start(state: &RunState, start: Start, now_us: u64) -> (Started, Span) {
    let (def, id) = (state.def, state.parcel.call(start.position));
    // Of the highest level, so that a task's log lines name their call whenever anything of this crate is logged.
    let span = tracing::error_span!("call", task = def.name, %id, attempt = start.attempt);
    let reads = Cell::new(true);
    let started = guard(|| {
        let _entered = span.enter();
        // Made here, and not moved into the guard: this runs for every call.
        let cx = Context::until(id, def.name, start.attempt, state.deadline_us(now_us), &state.shared);
        let args = state.parcel.args(start.position);
        match def.body {
            Body::Blocking(body) => {
                body(args, cx).map_or_else(|error| Started::Ended(End::Misfit(error)), Started::Blocking)
            }
            Body::Async(body) => match body(args, cx) {
                Err(error) => Started::Ended(End::Misfit(error)),
                Ok(mut future) => {
                    reads.set(false);
                    // Outside tokio's cooperative budget: within it, tokio's sockets and channels would be pending for
                    // all calls after the first hundred of a burst.
                    match poll_once(&mut future) {
                        Poll::Ready(ended) => {
                            discard(future);
                            Started::Ended(End::Returned(Answer::of(ended)))
                        }
                        Poll::Pending => Started::Pending(future),
                    }
                }
            },
        }
    });
    let started = started.unwrap_or_else(|panic| {
        let said = if reads.get() { panic.during("while its arguments were read") } else { panic.to_string() };
        Started::Ended(End::Panicked(said))
    });
    (started, span)
}

/// The waker does nothing: a pending future is polled again at once, by a task with a waker that works.
fn poll_once(future: &mut BoxFuture<'static, Ended>) -> Poll<Ended> {
    let mut context = task::Context::from_waker(task::Waker::noop());
    let mut future = std::pin::pin!(tokio::task::coop::unconstrained(future));
    future.as_mut().poll(&mut context)
}

/// Polls a call again.
pub(super) fn poll(future: &mut BoxFuture<'static, Ended>, context: &mut task::Context<'_>) -> Poll<End> {
    match guard(|| future.as_mut().poll(context).map(Answer::of)) {
        Ok(polled) => polled.map(End::Returned),
        Err(panic) => Poll::Ready(End::Panicked(panic.to_string())),
    }
}

/// Runs a plain function to its end.
pub(super) fn run(job: Job) -> End {
    match guard(|| Answer::of(job())) {
        Ok(answer) => End::Returned(answer),
        Err(panic) => End::Panicked(panic.to_string()),
    }
}
