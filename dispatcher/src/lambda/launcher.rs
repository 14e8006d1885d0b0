//! The launcher of workers as a function uses it: there is no time to wait for room.

use futures::{FutureExt as _, future::BoxFuture};
use task_core::{
    aws::Functions,
    ports::{Invoker, PortError},
};

/// Launches workers, so many of which may be outstanding over all dispatchers.
pub trait Launcher: Invoker {
    /// How many more may be launched now, up to `most`: they count as outstanding from now on.
    fn reserve(&self, most: usize) -> BoxFuture<'_, Result<usize, PortError>>;

    /// What was reserved and is not launched may be launched by others.
    fn give_back(&self) -> BoxFuture<'_, ()>;

    /// An invocation has died that was counted under this minute.
    fn release(&self, minute: u64) -> BoxFuture<'_, ()>;
}

impl Launcher for Functions {
    fn reserve(&self, most: usize) -> BoxFuture<'_, Result<usize, PortError>> {
        self.reserve(most).boxed()
    }

    fn give_back(&self) -> BoxFuture<'_, ()> {
        self.give_back().boxed()
    }

    fn release(&self, minute: u64) -> BoxFuture<'_, ()> {
        self.release(minute).boxed()
    }
}
