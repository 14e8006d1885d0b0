//! Simulates the launcher's requests to AWS: an asynchronous Invoke for each invocation, and the item on which
//! dispatchers and workers count outstanding ones.

use std::sync::{Arc, Mutex, PoisonError};

use celeriac_aws::{Attempt, Health, Minutes, Platform};
use celeriac_core::{
    id::ParcelId,
    ports::{InvokeError, PortError},
};
use futures::future::{BoxFuture, FutureExt as _};

use crate::{
    aws::{Ask, Key, Way},
    function::{Event, Function},
    limits,
};

/// The item in which all dispatchers and workers count.
#[derive(Clone, Default)]
pub(crate) struct Item(Arc<Mutex<Minutes>>);

/// Lambda and the table, as one program reaches them.
pub(crate) struct Link {
    pub(crate) way: Way,
    pub(crate) item: Item,
    /// What a dispatcher launches; a worker launches nothing.
    pub(crate) workers: Option<Function>,
}

impl Platform for Link {
    fn invoke<'a>(&'a self, _: &'a str, payload: Vec<u8>) -> BoxFuture<'a, Result<(), InvokeError>> {
        async move {
            self.way.takes(limits::INVOKE).await;
            let further = payload.len().saturating_sub(limits::EVENT_BYTES).div_ceil(limits::EVENT_FURTHER_BYTES);
            self.way.aws.count("Lambda", "Invoke", 1.0 + further as f64);
            let refused = |what: String| InvokeError::Failed(PortError::Refused { what });
            let text = String::from_utf8(payload).map_err(|error| refused(format!("an event is no text: {error}")))?;
            let workers = self.workers.as_ref().ok_or_else(|| refused("a worker launches nothing".to_owned()))?;
            workers.accept(Event { text, caller: None });
            Ok(())
        }
        .boxed()
    }

    fn count<'a>(&'a self, moved: &'a Minutes, over: &'a [u64]) -> BoxFuture<'a, Result<Minutes, PortError>> {
        async move {
            self.way.ask(Ask { operation: "UpdateItem", units: 1.0, key: Some(Key::Outstanding) }).await?;
            let mut minutes = self.item.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (minute, count) in moved {
                *minutes.entry(*minute).or_default() += count;
            }
            minutes.retain(|minute, _| moved.contains_key(minute) || !over.contains(minute));
            Ok(minutes.clone())
        }
        .boxed()
    }

    fn look(&self) -> BoxFuture<'_, Result<Minutes, PortError>> {
        async move {
            // Half a unit, since the read need not be consistent.
            self.way.ask(Ask { operation: "GetItem", units: 0.5, key: Some(Key::OutstandingRead) }).await?;
            Ok(self.item.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
        }
        .boxed()
    }

    /// No worker fails here.
    fn health<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Health, PortError>> {
        async move {
            self.way.ask(Ask { operation: "GetItem", units: 0.5, key: None }).await?;
            Ok(Health::default())
        }
        .boxed()
    }

    fn failed<'a>(&'a self, _: &'a str, now_ms: u64, by: Attempt) -> BoxFuture<'a, Result<Health, PortError>> {
        std::future::ready(Ok(Health::default().after_failure(now_ms, by))).boxed()
    }

    fn take_probe<'a>(&'a self, _: &'a str, _: u64, _: u64) -> BoxFuture<'a, Result<bool, PortError>> {
        std::future::ready(Ok(false)).boxed()
    }

    fn mended<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn resent(&self, _: ParcelId, _: u64) -> BoxFuture<'_, Result<u32, PortError>> {
        std::future::ready(Ok(1)).boxed()
    }
}
