//! Simulates the launcher's requests to AWS: an asynchronous Invoke for each invocation, and the items on which
//! dispatchers and workers count outstanding ones.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

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

/// The items in which all dispatchers and workers count, by shard.
#[derive(Clone, Default)]
pub(crate) struct Item(Arc<Mutex<BTreeMap<u8, Minutes>>>);

impl Item {
    /// How many count as outstanding.
    pub(crate) fn sum(&self) -> i64 {
        let shards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shards.values().flat_map(BTreeMap::values).sum()
    }
}

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
            workers.accept(Event { text, caller: None, accepted_us: self.way.clock.monotonic_us() });
            Ok(())
        }
        .boxed()
    }

    fn count<'a>(
        &'a self,
        shard: u8,
        moved: &'a Minutes,
        over: &'a [u64],
    ) -> BoxFuture<'a, Result<Minutes, PortError>> {
        async move {
            self.way.ask(Ask { operation: "UpdateItem", units: 1.0, key: Some(Key::Outstanding(shard)) }).await?;
            let mut shards = self.item.0.lock().unwrap_or_else(PoisonError::into_inner);
            let minutes = shards.entry(shard).or_default();
            for (minute, count) in moved {
                *minutes.entry(*minute).or_default() += count;
            }
            minutes.retain(|minute, _| moved.contains_key(minute) || !over.contains(minute));
            Ok(minutes.clone())
        }
        .boxed()
    }

    fn look(&self, shards: u8) -> BoxFuture<'_, Result<BTreeMap<u8, Minutes>, PortError>> {
        async move {
            // Half a unit for each, since the read need not be consistent.
            let ask = if shards > 1 {
                Ask { operation: "BatchGetItem", units: 0.5 * f64::from(shards), key: None }
            } else {
                Ask { operation: "GetItem", units: 0.5, key: Some(Key::OutstandingRead) }
            };
            self.way.ask(ask).await?;
            let read = self.item.0.lock().unwrap_or_else(PoisonError::into_inner);
            Ok((0..shards).map(|shard| (shard, read.get(&shard).cloned().unwrap_or_default())).collect())
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
