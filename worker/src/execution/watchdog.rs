//! Finds calls that block their thread, and reports them while they still do. The watchdog has a thread of its own,
//! because all others may be blocked. The run decides what to do about such a call.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread::Thread,
    time::Duration,
};

use celeriac_core::panics::guard;

use super::{run_state::RunState, start::Start, threads::thread_name};

/// Watches the runs of a worker.
#[derive(Debug)]
pub(crate) struct Watchdog {
    stall: Duration,
    watched: Arc<Watched>,
    thread: OnceLock<Option<Thread>>,
}

#[derive(Debug, Default)]
struct Watched {
    runs: Mutex<Vec<Weak<RunState>>>,
    asleep: AtomicBool,
    ended: AtomicBool,
}

impl Watchdog {
    pub(crate) fn new(stall: Duration) -> Self {
        Self { stall: stall.max(Duration::from_millis(1)), watched: Arc::default(), thread: OnceLock::new() }
    }

    /// Watches a run until it ends. The first run starts the thread.
    pub(crate) fn watch(&self, state: &Arc<RunState>) {
        self.watched.runs().push(Arc::downgrade(state));
        let thread = self.thread.get_or_init(|| start(Arc::clone(&self.watched), self.stall));
        if self.watched.asleep.swap(false, Ordering::AcqRel) {
            thread.iter().for_each(Thread::unpark);
        }
    }

    /// How many calls run now, over all watched runs.
    pub(crate) fn running(&self) -> usize {
        self.watched.runs().iter().filter_map(Weak::upgrade).map(|run| run.running() as usize).sum()
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.watched.ended.store(true, Ordering::Release);
        self.thread.get().into_iter().flatten().for_each(Thread::unpark);
    }
}

impl Watched {
    fn runs(&self) -> std::sync::MutexGuard<'_, Vec<Weak<RunState>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start(watched: Arc<Watched>, stall: Duration) -> Option<Thread> {
    let watch = move || {
        while !watched.ended.load(Ordering::Acquire) {
            let runs: Vec<Arc<RunState>> = {
                let mut runs = watched.runs();
                runs.retain(|state| state.strong_count() > 0);
                watched.asleep.store(runs.is_empty(), Ordering::Release);
                runs.iter().filter_map(Weak::upgrade).collect()
            };
            if runs.is_empty() {
                std::thread::park();
            } else {
                for state in &runs {
                    // A panic in the program's tracing subscriber must not end this thread.
                    let _ = guard(|| look(state, stall));
                }
                drop(runs);
                std::thread::park_timeout(stall / 4);
            }
        }
    };
    match std::thread::Builder::new().name("celeriac-watchdog".to_owned()).spawn(watch) {
        Ok(handle) => Some(handle.thread().clone()),
        Err(error) => {
            tracing::error!(%error, "cannot start the watchdog; calls that block their thread are not reported");
            None
        }
    }
}

/// Reports, once each, the calls whose poll takes longer than a stall.
fn look(state: &RunState, stall: Duration) {
    let now_us = state.now_us();
    for sequence in state.sequences() {
        let progress = sequence.progress();
        let Some(since_us) = progress.polling_since_us else { continue };
        let polling = Duration::from_micros(now_us.saturating_sub(since_us));
        if polling >= stall
            && sequence.mark_reported(progress.passed)
            && let Some(start) = sequence.starts().get(progress.passed)
        {
            warn(state, *start, polling, sequence.thread());
        }
    }
    for call in state.suspended().iter().filter(|call| !call.has_own_thread()) {
        if let Some(polling) = call.polled_for(now_us).filter(|polling| *polling >= stall)
            && call.mark_reported()
        {
            warn(state, call.start, polling, call.thread());
        }
    }
}

fn warn(state: &RunState, start: Start, polling: Duration, thread: u32) {
    let (task, id, thread) = (state.def.name, state.parcel.call(start.position), thread_name(thread));
    let polling_ms = polling.as_millis() as u64;
    tracing::warn!(task, %id, attempt = start.attempt, polling_ms, %thread, "an async call blocks its thread");
    state.reports.wake();
}
