//! Launches in flight while the dispatcher receives more.

use futures::{
    future::BoxFuture,
    stream::{FuturesUnordered, StreamExt as _},
};

use crate::{Launched, launch::PARALLEL};

/// Launches in flight. They make progress while a method here waits.
pub(crate) struct Launches<'a> {
    under_way: FuturesUnordered<BoxFuture<'a, (LaunchLoad, Launched)>>,
    load: LaunchLoad,
    /// The most bytes of parcels in flight.
    most_bytes: usize,
}

/// The size of a launch in flight.
#[derive(Clone, Copy, Default)]
pub(crate) struct LaunchLoad {
    pub(crate) parcels: usize,
    pub(crate) bytes: usize,
}

impl<'a> Launches<'a> {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self { under_way: FuturesUnordered::new(), load: LaunchLoad::default(), most_bytes }
    }

    /// Begins a launch of this size.
    pub(crate) fn add(&mut self, load: LaunchLoad, launch: impl Future<Output = Launched> + Send + 'a) {
        self.load.parcels += load.parcels;
        self.load.bytes += load.bytes;
        self.under_way.push(Box::pin(async move { (load, launch.await) }));
    }

    /// Waits for a future. Launches are polled first, so that the capacity they take is known.
    pub(crate) async fn meanwhile<T>(&mut self, something: impl Future<Output = T>) -> T {
        let mut something = std::pin::pin!(something);
        loop {
            tokio::select! {
                biased;
                true = self.next(), if !self.under_way.is_empty() => {}
                done = &mut something => return done,
            }
        }
    }

    /// Waits until more may be begun, and returns how many parcels that may have.
    pub(crate) async fn room(&mut self) -> usize {
        while self.load.parcels >= PARALLEL || self.load.bytes >= self.most_bytes {
            self.next().await;
        }
        PARALLEL - self.load.parcels
    }

    /// Waits until all launches have ended.
    pub(crate) async fn all(&mut self) {
        while self.next().await {}
    }

    /// Waits for one launch to end, if there is any.
    async fn next(&mut self) -> bool {
        let Some((load, launched)) = self.under_way.next().await else { return false };
        self.load.parcels -= load.parcels;
        self.load.bytes -= load.bytes;
        tracing::debug!(?launched, "dispatched");
        true
    }
}
