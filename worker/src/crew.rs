//! The threads that poll calls. They are the worker's own, so that a call which blocks its thread for ever takes
//! neither the runtime of the host nor the run of its parcel with it; when half of them are blocked so, they are
//! replaced.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use tokio::runtime::{Builder, Handle, Runtime};

/// How many threads may be blocked for ever before the worker takes nothing on any more: each holds its stack.
pub(crate) const MAX_LOST: usize = 256;

thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}

static NUMBERS: AtomicU32 = AtomicU32::new(1);

/// The threads that poll calls.
#[derive(Debug)]
pub(crate) struct Crew {
    threads: usize,
    isolate: bool,
    lost: AtomicUsize,
    runtimes: Mutex<Runtimes>,
}

#[derive(Debug, Default)]
struct Runtimes {
    /// The last is the one in use; those before it still run what was started on them.
    all: Vec<Runtime>,
    /// How many threads of the last are blocked.
    lost: usize,
}

/// Where a call is polled, and which crew that is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) handle: Handle,
    pub(crate) generation: usize,
}

impl Crew {
    pub(crate) fn new(threads: usize, isolate: bool) -> Self {
        Self { threads: threads.clamp(1, 256), isolate, lost: AtomicUsize::new(0), runtimes: Mutex::default() }
    }

    /// Where to poll calls now. The threads start with the first call.
    pub(crate) fn place(&self) -> Place {
        let mut runtimes = self.runtimes();
        if self.isolate && runtimes.all.is_empty() {
            self.start(&mut runtimes);
        }
        let handle = runtimes.all.last().map_or_else(Handle::current, |runtime| runtime.handle().clone());
        Place { handle, generation: runtimes.all.len() }
    }

    /// Which crew is at work now.
    pub(crate) fn generation(&self) -> usize {
        self.runtimes().all.len()
    }

    /// A call blocks a thread past its time: one of this generation, or one of its own.
    pub(crate) fn lost(&self, generation: Option<usize>) {
        let total = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
        let mut runtimes = self.runtimes();
        if !self.isolate || generation != Some(runtimes.all.len()) {
            return;
        }
        runtimes.lost += 1;
        if runtimes.lost * 2 >= self.threads {
            tracing::error!(lost = total, threads = self.threads, "calls block their threads; starting others");
            self.start(&mut runtimes);
        }
    }

    /// Such a call has returned after all.
    pub(crate) fn returned(&self) {
        self.lost.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many threads are blocked by calls whose time is over.
    pub(crate) fn blocked(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }

    fn start(&self, runtimes: &mut Runtimes) {
        let named = || format!("celeriac-{}", NUMBERS.load(Ordering::Relaxed));
        let number = || NUMBER.set(NUMBERS.fetch_add(1, Ordering::Relaxed));
        let mut builder = Builder::new_multi_thread();
        match builder.worker_threads(self.threads).thread_name_fn(named).on_thread_start(number).enable_all().build() {
            Ok(runtime) => {
                runtimes.all.push(runtime);
                runtimes.lost = 0;
            }
            Err(error) => tracing::error!(%error, "cannot start threads for calls; they run where the worker runs"),
        }
    }

    fn runtimes(&self) -> std::sync::MutexGuard<'_, Runtimes> {
        self.runtimes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // Not waited for: a blocked thread never ends.
        let runtimes = self.runtimes.get_mut().unwrap_or_else(PoisonError::into_inner);
        runtimes.all.drain(..).for_each(Runtime::shutdown_background);
    }
}

/// The number of this thread, if a crew started it; else 0.
pub(crate) fn thread_number() -> u32 {
    NUMBER.get()
}

/// What a thread is called in messages.
pub(crate) fn thread_name(number: u32) -> Arc<str> {
    if number == 0 { "of the runtime".into() } else { format!("celeriac-{number}").into() }
}
