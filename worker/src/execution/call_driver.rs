//! Drives a suspended call to its end: a task polls its future, or a separate thread runs its plain function.

use std::{sync::Arc, task::Poll};

use celeriac_core::{
    panics::{discard, guard},
    task::{Ended, Job},
};
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tracing::{Instrument as _, Span};

use super::{
    run_state::RunState,
    suspended::SuspendedCall,
    user_code::{self, Started},
};
use crate::outcome::End;

/// The reason given for a call whose thread panicked outside the user's code.
pub(super) const PANICKED: &str = "its thread panicked outside of its code";

/// The reason given for a call whose thread or runtime has ended.
pub(super) const ENDED: &str = "its thread or its runtime ended";

/// Drives a suspended call to its end. If a thread or a runtime drops the driver before that, the driver tells the run.
struct CallDriver {
    state: Arc<RunState>,
    call: Arc<SuspendedCall>,
}

impl Drop for CallDriver {
    fn drop(&mut self) {
        let Self { state, call } = self;
        if !call.is_over() {
            let end = End::Broken(if std::thread::panicking() { PANICKED } else { ENDED });
            // A panic here would end the process.
            let _ = guard(|| {
                state.leave(call);
                state.end(call, end, call.started_us);
            });
        }
    }
}

/// Continues a call after its first poll.
pub(super) fn go_on(state: &Arc<RunState>, call: &Arc<SuspendedCall>, started: Started, span: Span) {
    let driver = CallDriver { state: Arc::clone(state), call: Arc::clone(call) };
    match started {
        Started::Ended(end) => {
            state.end(call, end, state.now_us());
        }
        Started::Pending(future) => {
            let task = Handle::current().spawn(poll(driver, future).instrument(span));
            call.set_task(task.abort_handle());
        }
        Started::Blocking(job) => {
            let runtime = Handle::current();
            state.blocking.threads.run(Box::new(move || {
                // This thread does not belong to the worker. With the runtime entered, the function can block on async
                // code.
                let _runtime = runtime.enter();
                let client = driver.state.blocking.client.clone();
                let _client = client.enter_as_worker();
                span.in_scope(|| run(&driver, job));
            }));
        }
    }
}

/// Polls a call to its end.
async fn poll(driver: CallDriver, mut future: BoxFuture<'static, Ended>) {
    let CallDriver { state, call } = &driver;
    let end = std::future::poll_fn(|context| {
        if call.is_over() {
            // The run has ended the call and is about to abort this task.
            return Poll::Pending;
        }
        call.enter(state.now_us());
        let polled = user_code::poll(&mut future, context);
        state.leave(call);
        polled
    });
    let end = end.await;
    // Before the future is dropped: its drop may block or panic.
    state.end(call, end, state.now_us());
    discard(future);
}

/// Runs a blocking call, unless its time was over before a thread was free for it.
fn run(driver: &CallDriver, job: Job) {
    let CallDriver { state, call } = driver;
    if call.is_over() {
        return discard(job);
    }
    call.enter(state.now_us());
    let end = user_code::run(job);
    let now_us = state.now_us();
    state.leave(call);
    state.end(call, end, now_us);
}
