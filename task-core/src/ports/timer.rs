//! Timers for futures that no tokio runtime polls: on other executors, and on threads that block for a future. One
//! thread of this process drives them. It starts with the first timer.

use std::{
    cell::Cell,
    future::pending,
    io,
    marker::PhantomData,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::runtime::{Builder, Handle};

thread_local! {
    static BLOCKED: Cell<bool> = const { Cell::new(false) };
}

static TIMERS: Mutex<Option<Handle>> = Mutex::new(None);

/// Marks that this thread blocks until a future ends. A runtime on this thread makes no progress meanwhile, so the
/// future must not wait for its timer.
pub(crate) struct Blocked {
    before: bool,
    /// Ties the mark to this thread.
    here: PhantomData<*const ()>,
}

impl Blocked {
    pub(crate) fn new() -> Self {
        Self { before: BLOCKED.replace(true), here: PhantomData }
    }

    /// Whether this thread is blocked so now.
    pub(crate) fn is_here() -> bool {
        BLOCKED.get()
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        BLOCKED.set(self.before);
    }
}

/// Whether this thread blocks until the future that it polls has ended, as in
/// [`Delay::blocking_send`](crate::client::Delay::blocking_send). No other future waits for this thread, so a port may
/// do on it what it would hand to another thread, and save the way there and back.
pub fn blocks_here() -> bool {
    Blocked::is_here()
}

/// Ends after `duration`, whatever executor polls it. Uses the timer of the current tokio runtime if there is one that
/// makes progress, else the timer thread.
pub(super) fn sleep(duration: Duration) -> BoxFuture<'static, ()> {
    if !Blocked::is_here() && Handle::try_current().is_ok() {
        return Box::pin(tokio::time::sleep(duration));
    }
    match timers() {
        Ok(timers) => {
            let _entered = timers.enter();
            Box::pin(tokio::time::sleep(duration))
        }
        Err(error) => {
            tracing::warn!(%error, "cannot start a thread for timers; this thread waits by itself");
            Box::pin(async move { thread::sleep(duration) })
        }
    }
}

fn timers() -> io::Result<Handle> {
    let mut timers = TIMERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(timers) = &*timers {
        return Ok(timers.clone());
    }
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name("celeriac-timers".to_owned()).spawn(move || runtime.block_on(pending::<()>()))?;
    *timers = Some(handle.clone());
    Ok(handle)
}
