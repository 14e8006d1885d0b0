//! The port to a thread pool for blocking tasks.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use tokio::runtime::{Builder, Handle, Runtime};

/// Runs work that blocks.
pub trait Blocking: Send + Sync + 'static {
    /// Runs `work` on its own thread or on one of a pool. Does not wait for it and does not cancel it: a call that
    /// blocks for ever keeps its thread, but does not keep the process from ending.
    fn run(&self, work: Box<dyn FnOnce() + Send>);
}

/// The most threads, unless the environment says otherwise.
const MOST_THREADS: usize = 500;

/// A pool of threads that grows on demand, to 500 unless `BLOCKING_MAX_THREADS` says otherwise.
///
/// They are the blocking threads of a tokio runtime that is never dropped, since a runtime that ends waits for its
/// threads and a hanging thread would keep the process alive. Within blocking work, `Handle::current()` is the handle
/// of that runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threads;

/// The pool of the process. It has one worker thread, so that futures spawned by blocking work run and their timers
/// fire.
static POOL: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    let most = most_threads(std::env::var("BLOCKING_MAX_THREADS").ok().as_deref());
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(most)
        .thread_name("celeriac-blocking")
        .enable_all()
        .build()
        .inspect_err(|error| tracing::error!(%error, "no threads could be started for blocking tasks"))
        .ok()
});

impl Blocking for Threads {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        match POOL.as_ref().map(Runtime::handle) {
            Some(pool) => hand_over(work, |work| spawn(pool, work)),
            None => work(),
        }
    }
}

fn spawn(pool: &Handle, work: impl FnOnce() + Send + 'static) {
    // Dropping the handle neither waits for the work nor cancels it.
    drop(pool.spawn_blocking(work));
}

/// Lets `spawn` run the work on another thread. If the process cannot have more threads, the work runs on this one. In
/// that case `spawn` panics, as tokio does when it cannot start even its first blocking thread.
fn hand_over(work: Box<dyn FnOnce() + Send>, spawn: impl FnOnce(Box<dyn FnOnce() + Send>)) {
    let slot = Arc::new(Mutex::new(Some(work)));
    let take = |slot: &Mutex<Option<_>>| slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    let theirs = Arc::clone(&slot);
    let spawned = catch_unwind(AssertUnwindSafe(|| {
        spawn(Box::new(move || {
            let work: Option<Box<dyn FnOnce() + Send>> = take(&theirs);
            if let Some(work) = work {
                work();
            }
        }));
    }));
    if spawned.is_err()
        && let Some(work) = take(&slot)
    {
        tracing::error!(
            "no thread could be started for a blocking task: the process has too many; it runs on its worker's"
        );
        work();
    }
}

/// How many threads `BLOCKING_MAX_THREADS` allows.
fn most_threads(variable: Option<&str>) -> usize {
    let Some(text) = variable else { return MOST_THREADS };
    if let Ok(threads @ 1..=10_000) = text.trim().parse() {
        return threads;
    }
    tracing::warn!("BLOCKING_MAX_THREADS is `{text}`, which is not a number from 1 to 10000; {MOST_THREADS} is used");
    MOST_THREADS
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    fn note(sender: &mpsc::Sender<thread::ThreadId>) -> Box<dyn FnOnce() + Send> {
        let sender = sender.clone();
        Box::new(move || sender.send(thread::current().id()).expect("the test receives"))
    }

    #[test]
    fn work_runs_on_another_thread_and_a_panic_in_it_leaves_the_pool_alone() {
        let (sender, ran) = mpsc::channel();
        Threads.run(Box::new(|| panic!("a panic that belongs to the test")));
        for _ in 0..3 {
            Threads.run(note(&sender));
            assert_ne!(ran.recv().unwrap(), thread::current().id());
        }
    }

    #[test]
    fn blocking_work_may_wait_for_async_work() {
        let (sender, ran) = mpsc::channel();
        Threads.run(Box::new(move || {
            let spawned = Handle::current().spawn(async { 7 });
            sender.send(Handle::current().block_on(spawned).unwrap()).expect("the test receives");
        }));
        assert_eq!(ran.recv().unwrap(), 7);
    }

    #[test]
    fn without_a_thread_the_work_runs_on_the_callers() {
        let (sender, ran) = mpsc::channel();
        hand_over(note(&sender), |_| panic!("a panic that belongs to the test"));
        assert_eq!(ran.try_recv().unwrap(), thread::current().id());
        // Runs once, even if the work was taken before `spawn` panicked.
        hand_over(note(&sender), |work| {
            work();
            panic!("a panic that belongs to the test");
        });
        ran.try_recv().unwrap();
        ran.try_recv().unwrap_err();
    }

    #[test]
    fn a_wrong_number_of_threads_is_not_obeyed() {
        assert_eq!(most_threads(None), 500);
        assert_eq!(most_threads(Some("20")), 20);
        for wrong in ["0", "-1", "many", "", "10001"] {
            assert_eq!(most_threads(Some(wrong)), 500, "{wrong}");
        }
    }
}
