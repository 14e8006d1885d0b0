//! The launcher of workers: an asynchronous Invoke for each invocation, of those that a dispatcher was granted.

use std::sync::{Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt as _};
use task_core::ports::{Invocation, InvokeError, Invoker};

use crate::{aws::Way, counter::Granted, function::Function, limits, queue::text};

/// What a worker's function is invoked with: the parcels, and the minute that they are counted under.
pub(crate) type Launch = (Invocation, u64);

/// What is beside the text of a parcel in a payload: names, receipts, numbers.
const ITEM_BYTES: usize = 512;

/// The launcher of one dispatcher.
pub(crate) struct Launcher {
    pub(crate) workers: Function<Launch>,
    pub(crate) way: Way,
    pub(crate) granted: Mutex<Granted>,
}

impl Launcher {
    /// Sets what may be launched from now on.
    pub(crate) fn grant(&self, granted: Granted) {
        *self.granted.lock().unwrap_or_else(PoisonError::into_inner) = granted;
    }

    /// How many may be.
    pub(crate) fn held(&self) -> usize {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// What was not launched.
    pub(crate) fn left(&self) -> Granted {
        std::mem::take(&mut *self.granted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self) -> Option<u64> {
        let mut granted = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        granted.count = granted.count.checked_sub(1)?;
        Some(granted.minute)
    }
}

impl Invoker for Launcher {
    fn room(&self) -> BoxFuture<'_, usize> {
        std::future::ready(self.held()).boxed()
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        async move {
            let minute = self.take().ok_or(InvokeError::Throttled)?;
            let bytes: usize = invocation.deliveries.iter().map(|of| text(of.body.len()) + ITEM_BYTES).sum();
            self.way.takes(limits::INVOKE).await;
            let further = bytes.saturating_sub(limits::EVENT_BYTES).div_ceil(limits::EVENT_FURTHER_BYTES);
            self.way.aws.count("Lambda", "Invoke", 1.0 + further as f64);
            self.workers.accept((invocation, minute));
            Ok(())
        }
        .boxed()
    }
}
