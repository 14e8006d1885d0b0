//! Blocks a thread until a future ends, for code that is not async.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use crate::ports::Blocked;

/// Wakes the blocked thread.
struct Bell {
    thread: Thread,
    /// Separate from the thread's own park token, which the future may consume.
    rung: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Blocks this thread until the future has ended. Needs no runtime, and cannot hang inside one.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let _blocked = Blocked::new();
    let bell = Arc::new(Bell { thread: thread::current(), rung: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&bell));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while !bell.rung.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

/// Gives other tasks of the executor their turn. A blocked thread has no other tasks.
pub(super) async fn yield_now() {
    if !Blocked::is_here() {
        tokio::task::yield_now().await;
    }
}
