//! The table, and requests for one or many items.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{KeysAndAttributes, ReturnValue},
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use futures::{StreamExt, TryStreamExt, stream};

use super::{change::Change, item::Item, keys::Key, memo::Memo, patience::Patience, row::Origin};
use crate::{clients::Clients, fault::Fault, objects::Objects};
use celeriac_core::{
    id::{BatchId, ParcelId},
    ports::{Clock, Entropy, PortError},
};

/// The most keys of one batch read.
const MANY: usize = 100;

/// The most requests in flight for one call to a port.
pub(super) const WIDTH: usize = 16;

/// DynamoDB's codes for conflicts with transactions.
const CONFLICTS: [&str; 2] = ["TransactionConflictException", "TransactionInProgressException"];

/// The table, with its clients and caches.
pub(super) struct Table {
    pub(super) clients: Arc<Clients>,
    pub(super) name: String,
    pub(super) objects: Option<Objects>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// The constant row parts of parcels that were claimed here.
    pub(super) origins: Memo<ParcelId, Origin>,
    /// Whether batches have a callback.
    pub(super) callbacks: Memo<BatchId, bool>,
    /// The number of the last recording.
    pub(super) version: AtomicU64,
}

/// Runs all futures, some at a time, until one fails. The answers are in order.
pub(super) async fn all<T>(work: Vec<impl Future<Output = Result<T, PortError>>>) -> Result<Vec<T>, PortError> {
    stream::iter(work).buffered(WIDTH).try_collect().await
}

/// The outcome of a conditional change.
pub(super) enum Changed {
    /// Done, with the requested attributes.
    Done(Item),
    /// The condition failed; the item, if there is one.
    Unmet(Option<Item>),
}

impl Table {
    /// Reads an item consistently.
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Item>, PortError> {
        let request = self.clients.dynamodb().await.get_item().table_name(&self.name).set_key(Some(key.attributes()));
        let request = request.consistent_read(true);
        let answer = request.send().await.map_err(|error| self.error("read", Fault::of(error)))?;
        Ok(answer.item)
    }

    /// Reads these items consistently. Missing items are left out.
    pub(super) async fn get_many(&self, mut keys: Vec<Key>) -> Result<HashMap<Key, Item>, PortError> {
        keys.sort();
        keys.dedup();
        let found = all(keys.chunks(MANY).map(|keys| self.get_chunk(keys)).collect()).await?;
        Ok(found.into_iter().flatten().filter_map(|item| Some((Key::of(&item)?, item))).collect())
    }

    /// DynamoDB returns as many items as it likes, 16 MB at most, and lists the rest.
    async fn get_chunk(&self, keys: &[Key]) -> Result<Vec<Item>, PortError> {
        let keys = keys.iter().map(Key::attributes).collect();
        let asked = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true);
        let mut asked = Some(asked.build().expect("there are keys"));
        let mut found = Vec::new();
        let mut patience = Patience::new(self.entropy.as_ref());
        while let Some(keys) = asked {
            let request = self.clients.dynamodb().await.batch_get_item().request_items(&self.name, keys);
            let answer = request.send().await.map_err(|error| self.error("read", Fault::of(error)))?;
            let before = found.len();
            found.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items));
            asked = answer.unprocessed_keys.into_iter().flatten().map(|(_, keys)| keys).next();
            // Some were returned: the others are only too large to come with them.
            if asked.is_some() && found.len() == before && !patience.wait().await {
                return Err(
                    self.unavailable("read", "it returns none of the requested items: too many requests at once")
                );
            }
        }
        Ok(found)
    }

    /// Writes an item and replaces an existing one.
    pub(super) async fn put(&self, item: Item) -> Result<(), PortError> {
        let request = self.clients.dynamodb().await.put_item().table_name(&self.name).set_item(Some(item));
        request.send().await.map(drop).map_err(|error| self.error("write", Fault::of(error)))
    }

    /// Deletes an item, if there is one.
    pub(super) async fn delete(&self, key: &Key) -> Result<(), PortError> {
        let request = self.clients.dynamodb().await.delete_item().table_name(&self.name);
        let request = request.set_key(Some(key.attributes()));
        request.send().await.map(drop).map_err(|error| self.error("write", Fault::of(error)))
    }

    /// Changes an item if the change's condition holds.
    pub(super) async fn update(&self, change: Change, answer: ReturnValue) -> Result<Changed, PortError> {
        let request = change.request(self.clients.dynamodb().await, &self.name);
        let request = request.return_values(answer);
        let is_blocked = |error: &UpdateItemError| error.is_transaction_conflict_exception();
        match self.patiently(|| request.clone().send(), is_blocked).await {
            Ok(answer) => Ok(Changed::Done(answer.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(unmet)) => Ok(Changed::Unmet(unmet.item.clone())),
                _ => Err(self.error("write", Fault::of(error))),
            },
        }
    }

    /// Repeats a request while transactions conflict with it.
    pub(super) async fn patiently<T, E, F>(
        &self,
        send: impl Fn() -> F,
        is_blocked: impl Fn(&E) -> bool,
    ) -> Result<T, SdkError<E, HttpResponse>>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut patience = Patience::new(self.entropy.as_ref());
        loop {
            let answer = send().await;
            let blocked = answer.as_ref().err().and_then(SdkError::as_service_error).is_some_and(&is_blocked);
            if !blocked || !patience.wait().await {
                return answer;
            }
        }
    }

    /// Higher than all before: the time in microseconds, or the last one plus one.
    pub(super) fn next_version(&self) -> u64 {
        let now_us = self.clock.now_ms() * 1000;
        let next = |last: u64| Some(now_us.max(last + 1));
        let last = self.version.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
        now_us.max(last + 1)
    }

    /// The error of a request. `what` is the intended action on the table.
    pub(super) fn error(&self, what: &str, fault: Fault) -> PortError {
        if CONFLICTS.contains(&fault.code.as_str()) {
            return self.unavailable(what, "others keep writing the same items: try again");
        }
        fault.port(self.clients.settings(), format_args!("{what} the ledger"), self.place())
    }

    /// The error for an action that did not happen and may work later.
    pub(super) fn unavailable(&self, what: &str, why: &str) -> PortError {
        PortError::Unavailable { what: format!("cannot {what} the ledger: {}: {why}", self.place()), source: None }
    }

    fn place(&self) -> String {
        format!("DynamoDB table `{}`", self.name)
    }
}
