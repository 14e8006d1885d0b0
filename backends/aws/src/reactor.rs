//! The runtime that runs requests. A port's future may be polled anywhere, even by the client's thread, which has no
//! I/O driver. So each request is a task of this runtime, and continues when its caller is dropped. Invokes, of which
//! there are thousands at once, only borrow its driver.

use std::{
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::pin,
    sync::OnceLock,
};

use futures::future::FutureExt as _;
use tokio::runtime::{Builder, Handle, Runtime};

use celeriac_core::ports::PortError;

/// Enough for the requests of a process with two processors; a function with fewer has one.
const MOST_THREADS: usize = 2;

/// The runtime of the process. It is never dropped, since that is impossible from within another runtime.
static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();

/// The runtime that runs requests. Its threads start with the first request, since a starting function has other work.
#[derive(Clone, Debug)]
pub(super) struct Reactor;

impl Reactor {
    /// Runs a request to its end, even if the caller is dropped. After a panic the request may have happened.
    pub(super) async fn run<T, F>(&self, request: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, PortError>> + Send + 'static,
    {
        self.handle()?.spawn(request).await.unwrap_or_else(|_| Err(panicked()))
    }

    /// Runs a request on the caller's thread, for as long as the caller waits; this saves a task and the way to another
    /// thread and back. After a panic the request may have happened.
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
    #[allow(clippy::unused_self, reason = "only the owner of a `Reactor` may use the runtime")]
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
