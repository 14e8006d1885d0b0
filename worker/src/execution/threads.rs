//! The threads that poll calls. They belong to the worker, so that a call that blocks its thread for ever stops neither
//! the runtime of the host nor the run of its parcel. Calls that would wait behind it go on in another generation of
//! threads, because a runtime cannot be given more threads.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use celeriac_core::client::Home;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::WorkerOptions;

/// How many threads may be blocked by calls that were given up before the worker refuses new parcels. Each such thread
/// keeps its stack.
pub(crate) const MAX_GIVEN_UP: usize = 256;

/// How many generations there are at most while no call was given up. So a task that computes for seconds gets a few
/// more threads than the machine has processors, not hundreds.
const MAX_GENERATIONS: usize = 4;

thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}

static NUMBERS: AtomicU32 = AtomicU32::new(1);

/// The threads that poll calls.
#[derive(Debug)]
pub(crate) struct PollThreads {
    threads: usize,
    isolate: bool,
    /// The client for the calls that the polled calls make.
    home: Home,
    given_up: AtomicUsize,
    generations: Mutex<Vec<Generation>>,
}

#[derive(Debug)]
struct Generation {
    runtime: Runtime,
    /// How many of its threads are blocked in a poll.
    blocked: usize,
}

/// A runtime that polls calls.
#[derive(Clone, Debug)]
pub(crate) struct PollRuntime {
    pub(crate) handle: Handle,
    pub(crate) generation: usize,
}

impl PollThreads {
    pub(crate) fn new(options: &WorkerOptions, home: Home) -> Self {
        let threads = options.threads.clamp(1, 256);
        Self { threads, isolate: options.isolate, home, given_up: AtomicUsize::new(0), generations: Mutex::default() }
    }

    /// The runtime to poll calls on now: one of a generation without blocked threads, if there can be one. The threads
    /// start with the first call.
    pub(crate) fn freest(&self) -> PollRuntime {
        let mut generations = self.generations();
        if self.isolate && clean(&generations).is_none() && self.may_start(&generations) {
            self.start(&mut generations);
        }
        let clean = clean(&generations);
        let fewest = || (0..generations.len()).min_by_key(|at| generations[*at].blocked);
        match clean.or_else(fewest) {
            Some(at) => PollRuntime { handle: generations[at].runtime.handle().clone(), generation: at },
            None => PollRuntime { handle: Handle::current(), generation: usize::MAX },
        }
    }

    /// Whether calls behind a blocked thread of this generation can go on in a generation without blocked threads.
    pub(crate) fn can_replace(&self, generation: usize) -> bool {
        let generations = self.generations();
        let clean = (0..).zip(generations.iter()).any(|(at, other)| at != generation && other.blocked == 0);
        self.isolate && (clean || self.may_start(&generations))
    }

    /// Whether a thread of a generation is blocked.
    pub(crate) fn is_blocked(&self, generation: usize) -> bool {
        self.generations().get(generation).is_some_and(|generation| generation.blocked > 0)
    }

    /// Notes that a poll on a thread of this generation takes long.
    pub(crate) fn block(&self, generation: usize) {
        if let Some(generation) = self.generations().get_mut(generation) {
            generation.blocked += 1;
        }
    }

    /// Notes that this poll has returned.
    pub(crate) fn unblock(&self, generation: usize) {
        if let Some(generation) = self.generations().get_mut(generation) {
            generation.blocked -= 1;
        }
    }

    /// Notes that a call that blocks its thread was given up.
    pub(crate) fn give_up(&self) {
        self.given_up.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the thread of such a call has returned after all.
    pub(crate) fn take_back(&self) {
        self.given_up.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many threads are blocked by calls that were given up.
    pub(crate) fn given_up(&self) -> usize {
        self.given_up.load(Ordering::Relaxed)
    }

    fn may_start(&self, generations: &[Generation]) -> bool {
        generations.len() < MAX_GENERATIONS + self.given_up()
    }

    fn start(&self, generations: &mut Vec<Generation>) {
        if !generations.is_empty() {
            tracing::warn!(
                threads = self.threads,
                generations = generations.len(),
                "calls block their threads; starting more threads"
            );
        }
        let named = || format!("celeriac-{}", NUMBERS.load(Ordering::Relaxed));
        let home = self.home.clone();
        // Once for each thread, so that it costs a call nothing.
        let begin = move || {
            NUMBER.set(NUMBERS.fetch_add(1, Ordering::Relaxed));
            home.settle();
        };
        let mut builder = Builder::new_multi_thread();
        match builder.worker_threads(self.threads).thread_name_fn(named).on_thread_start(begin).enable_all().build() {
            Ok(runtime) => generations.push(Generation { runtime, blocked: 0 }),
            Err(error) => tracing::error!(%error, "cannot start threads for calls"),
        }
    }

    fn generations(&self) -> std::sync::MutexGuard<'_, Vec<Generation>> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PollThreads {
    fn drop(&mut self) {
        // This does not wait: a blocked thread never ends.
        let generations = self.generations.get_mut().unwrap_or_else(PoisonError::into_inner);
        generations.drain(..).for_each(|generation| generation.runtime.shutdown_background());
    }
}

fn clean(generations: &[Generation]) -> Option<usize> {
    generations.iter().position(|generation| generation.blocked == 0)
}

/// The number of this thread if the worker started it, otherwise 0.
pub(crate) fn thread_number() -> u32 {
    NUMBER.get()
}

/// The name of a thread in messages.
pub(crate) fn thread_name(number: u32) -> Arc<str> {
    if number == 0 { "of the runtime".into() } else { format!("celeriac-{number}").into() }
}
