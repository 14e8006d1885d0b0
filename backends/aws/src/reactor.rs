//! The runtime that requests run on. Ports' futures may be polled anywhere, by the client's thread too, which has no
//! I/O driver; so each request is a task of this runtime, and goes on when whoever asked has gone. Where there are
//! thousands at once, they only borrow its driver.

use std::{
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::pin,
    sync::OnceLock,
};

use futures::future::FutureExt as _;
use tokio::runtime::{Builder, Handle, Runtime};

use celeriac_core::ports::PortError;

/// Enough for what a process of two processors can send; a function with less has one.
const MOST_THREADS: usize = 2;

/// The runtime of the process. It is never dropped: it could not be from within another.
static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();

/// The runtime that requests run on. Its threads start with the first: a function that starts has other things to do.
#[derive(Clone, Debug)]
pub(super) struct Reactor;

impl Reactor {
    /// Runs something to its end, whoever waits for it. It may have happened if it panicked.
    pub(super) async fn run<T, F>(&self, request: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, PortError>> + Send + 'static,
    {
        self.handle()?.spawn(request).await.unwrap_or_else(|_| Err(panicked()))
    }

    /// Runs something on the thread that waits, without a task and its way to another thread and back, for as long as
    /// it is waited for. It may have happened if it panicked.
    pub(super) async fn run_here<F: Future>(&self, request: F) -> Result<F::Output, PortError> {
        let handle = self.handle()?;
        let mut request = pin!(AssertUnwindSafe(request).catch_unwind());
        let polled = poll_fn(|context| {
            let _within = handle.enter();
            request.as_mut().poll(context)
        });
        polled.await.map_err(|_| panicked())
    }

    /// The one runtime of this process.
    #[allow(clippy::unused_self, reason = "whoever has one may have things run")]
    pub(super) fn handle(&self) -> Result<&'static Handle, PortError> {
        let started = RUNTIME.get_or_init(|| {
            let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
            Builder::new_multi_thread().worker_threads(threads).thread_name("celeriac-aws").enable_all().build().ok()
        });
        started.as_ref().map(Runtime::handle).ok_or_else(|| PortError::Unavailable {
            what: "no threads could be started for requests to AWS: the process has too many".to_owned(),
            source: None,
        })
    }
}

fn panicked() -> PortError {
    PortError::Unknown { what: "a request to AWS panicked; its message is in the log".to_owned(), source: None }
}
