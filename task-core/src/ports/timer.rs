//! Timers for futures that no tokio runtime polls: those on other executors, and those that a thread blocks for. One
//! thread of this process drives them, and starts with the first.

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

/// This thread blocks until a future ends. A runtime that it belongs to does not come on meanwhile, so that the future
/// must not wait for it.
pub(crate) struct Blocked {
    before: bool,
    /// It is about this thread.
    here: PhantomData<*const ()>,
}

impl Blocked {
    pub(crate) fn new() -> Self {
        Self { before: BLOCKED.replace(true), here: PhantomData }
    }

    /// Whether this thread does so now.
    pub(crate) fn is_here() -> bool {
        BLOCKED.get()
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        BLOCKED.set(self.before);
    }
}

/// Ends after `duration`, whatever polls it: by the timer of the tokio runtime that this is called in if there is one
/// that comes on, else by that of the timers' thread.
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
            tracing::warn!(%error, "no thread for timers can be started; this one waits itself");
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
