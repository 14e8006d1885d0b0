//! Sees calls that block their thread, and says so while they still do: a thread of its own, for the others may all
//! be blocked. What is done about it is the run's business.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread::Thread,
    time::Duration,
};

use celeriac_core::panics::guard;

use crate::{crew::thread_name, floor::Floor, seat::Start};

/// Looks at the runs of a worker.
#[derive(Debug)]
pub(crate) struct Watchdog {
    stall: Duration,
    watched: Arc<Watched>,
    thread: OnceLock<Option<Thread>>,
}

#[derive(Debug, Default)]
struct Watched {
    floors: Mutex<Vec<Weak<Floor>>>,
    asleep: AtomicBool,
    ended: AtomicBool,
}

impl Watchdog {
    pub(crate) fn new(stall: Duration) -> Self {
        Self { stall: stall.max(Duration::from_millis(1)), watched: Arc::default(), thread: OnceLock::new() }
    }

    /// Watches a run until it ends. The thread starts with the first.
    pub(crate) fn watch(&self, floor: &Arc<Floor>) {
        self.watched.floors().push(Arc::downgrade(floor));
        let thread = self.thread.get_or_init(|| start(Arc::clone(&self.watched), self.stall));
        if self.watched.asleep.swap(false, Ordering::AcqRel) {
            thread.iter().for_each(Thread::unpark);
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.watched.ended.store(true, Ordering::Release);
        self.thread.get().into_iter().flatten().for_each(Thread::unpark);
    }
}

impl Watched {
    fn floors(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Floor>>> {
        self.floors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start(watched: Arc<Watched>, stall: Duration) -> Option<Thread> {
    let watch = move || {
        while !watched.ended.load(Ordering::Acquire) {
            let floors: Vec<Arc<Floor>> = {
                let mut floors = watched.floors();
                floors.retain(|floor| floor.strong_count() > 0);
                watched.asleep.store(floors.is_empty(), Ordering::Release);
                floors.iter().filter_map(Weak::upgrade).collect()
            };
            if floors.is_empty() {
                std::thread::park();
            } else {
                for floor in &floors {
                    // What the program's subscriber does with a line must not end this thread.
                    let _ = guard(|| look(floor, stall));
                }
                drop(floors);
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

/// Reports, once each, the calls whose poll is longer than a stall.
fn look(floor: &Floor, stall: Duration) {
    let now_us = floor.now_us();
    for lane in floor.lanes() {
        let reached = lane.reached();
        let Some(since_us) = reached.polling_since_us else { continue };
        let polling = Duration::from_micros(now_us.saturating_sub(since_us));
        if polling >= stall
            && lane.report(reached.passed)
            && let Some(start) = lane.order().get(reached.passed)
        {
            bark(floor, *start, polling, lane.thread());
        }
    }
    for seat in floor.seats().iter().filter(|seat| !seat.on_thread()) {
        if let Some(polling) = seat.within(now_us).filter(|polling| *polling >= stall)
            && seat.report()
        {
            bark(floor, seat.start, polling, seat.thread());
        }
    }
}

fn bark(floor: &Floor, start: Start, polling: Duration, thread: u32) {
    let (task, id, thread) = (floor.def.name, floor.parcel.call(start.position), thread_name(thread));
    let polling_ms = polling.as_millis() as u64;
    tracing::warn!(task, %id, attempt = start.attempt, polling_ms, %thread, "an async call blocks its thread");
    floor.wake.notify_one();
}
