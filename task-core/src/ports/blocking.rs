//! Threads for blocking tasks.

/// Runs work that blocks.
pub trait Blocking: Send + Sync + 'static {
    /// Runs `work` on a thread of its own or of a pool. It is neither waited for nor cut short: a call that blocks
    /// for ever keeps its thread, and the process may end all the same.
    fn run(&self, work: Box<dyn FnOnce() + Send>);
}

/// A pool of threads that grows on demand, to 500 unless `BLOCKING_MAX_THREADS` says otherwise. Tokio's own pool
/// would keep a runtime from ending while one of its threads hangs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threads;

impl Blocking for Threads {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        blocking::unblock(work).detach();
    }
}
