//! The launcher's requests to AWS: invoking a function, and the items that count outstanding invocations. It is a
//! trait so that a simulation can run the real launcher.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write as _,
    sync::Arc,
};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValue};
use aws_sdk_lambda::{primitives::Blob, types::InvocationType};
use futures::future::{BoxFuture, FutureExt as _};

use super::{
    Settings,
    clients::Clients,
    fault::{Fault, Kind},
    health::{self, Attempt, Health},
    reactor::Reactor,
    resent,
};
use celeriac_core::{
    id::ParcelId,
    ports::{InvokeError, PortError},
};

/// The number of invocations for each minute since 1970 that they count under.
pub type Minutes = BTreeMap<u64, i64>;

/// The launcher's requests to AWS.
pub trait Platform: Send + Sync {
    /// Invokes a function with this payload, without waiting for it to run.
    fn invoke<'a>(&'a self, function: &'a str, payload: Vec<u8>) -> BoxFuture<'a, Result<(), InvokeError>>;

    /// Adds to the counts of some minutes of a shard, removes others, and returns all its counts, in one write.
    fn count<'a>(&'a self, shard: u8, moved: &'a Minutes, over: &'a [u64])
    -> BoxFuture<'a, Result<Minutes, PortError>>;

    /// All counts of the first so many shards, possibly a moment old, in one read. A shard that could not be read is
    /// missing.
    fn look(&self, shards: u8) -> BoxFuture<'_, Result<BTreeMap<u8, Minutes>, PortError>>;

    /// Whether the workers of a function begin, possibly a moment old, in one read.
    fn health<'a>(&'a self, function: &'a str) -> BoxFuture<'a, Result<Health, PortError>>;

    /// Counts a worker that failed before it had claimed a parcel, as [`Health::after_failure`] does, in one write.
    fn failed<'a>(
        &'a self,
        function: &'a str,
        now_ms: u64,
        attempt: Attempt,
    ) -> BoxFuture<'a, Result<Health, PortError>>;

    /// Sets until when a probe may be in flight, if that still is `seen_ms`. Returns whether it was.
    fn take_probe<'a>(
        &'a self,
        function: &'a str,
        seen_ms: u64,
        until_ms: u64,
    ) -> BoxFuture<'a, Result<bool, PortError>>;

    /// Forgets all failures of a function.
    fn mended<'a>(&'a self, function: &'a str) -> BoxFuture<'a, Result<(), PortError>>;

    /// Counts that a parcel is sent again from its dead-letter queue, and returns how often it was. The count is kept
    /// until then, in milliseconds since 1970.
    fn resent(&self, parcel: ParcelId, kept_until_ms: u64) -> BoxFuture<'_, Result<u32, PortError>>;
}

/// The real platform: Lambda, and the stack's table.
pub(super) struct Aws {
    pub(super) clients: Arc<Clients>,
    pub(super) reactor: Reactor,
}

impl Platform for Aws {
    fn invoke<'a>(&'a self, function: &'a str, payload: Vec<u8>) -> BoxFuture<'a, Result<(), InvokeError>> {
        async move {
            let launched = self.reactor.run_here(self.launch(function, payload)).await;
            launched.unwrap_or_else(|error| {
                let unknown = matches!(error, PortError::Unknown { .. });
                Err(if unknown { InvokeError::Unknown(error) } else { InvokeError::Failed(error) })
            })
        }
        .boxed()
    }

    fn count<'a>(
        &'a self,
        shard: u8,
        moved: &'a Minutes,
        over: &'a [u64],
    ) -> BoxFuture<'a, Result<Minutes, PortError>> {
        let (clients, expression) = (Arc::clone(&self.clients), expression(moved, over));
        let counts: Vec<i64> = moved.values().copied().collect();
        async move { self.reactor.run(async move { update(&clients, shard, expression, &counts).await }).await }.boxed()
    }

    fn look(&self, shards: u8) -> BoxFuture<'_, Result<BTreeMap<u8, Minutes>, PortError>> {
        let clients = Arc::clone(&self.clients);
        let look = async move {
            if shards > 1 {
                return read_all(&clients, shards).await;
            }
            Ok(BTreeMap::from([(0, read(&clients).await?)]))
        };
        async move { self.reactor.run(look).await }.boxed()
    }

    fn health<'a>(&'a self, function: &'a str) -> BoxFuture<'a, Result<Health, PortError>> {
        let (clients, function) = (Arc::clone(&self.clients), function.to_owned());
        async move { self.reactor.run(async move { health::read(&clients, &function).await }).await }.boxed()
    }

    fn failed<'a>(
        &'a self,
        function: &'a str,
        now_ms: u64,
        attempt: Attempt,
    ) -> BoxFuture<'a, Result<Health, PortError>> {
        let (clients, function) = (Arc::clone(&self.clients), function.to_owned());
        let count = async move { health::count(&clients, &function, now_ms, attempt).await };
        async move { self.reactor.run(count).await }.boxed()
    }

    fn take_probe<'a>(
        &'a self,
        function: &'a str,
        seen_ms: u64,
        until_ms: u64,
    ) -> BoxFuture<'a, Result<bool, PortError>> {
        let (clients, function) = (Arc::clone(&self.clients), function.to_owned());
        let take = async move { health::take_probe(&clients, &function, seen_ms, until_ms).await };
        async move { self.reactor.run(take).await }.boxed()
    }

    fn mended<'a>(&'a self, function: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        let (clients, function) = (Arc::clone(&self.clients), function.to_owned());
        async move { self.reactor.run(async move { health::forget(&clients, &function).await }).await }.boxed()
    }

    fn resent(&self, parcel: ParcelId, kept_until_ms: u64) -> BoxFuture<'_, Result<u32, PortError>> {
        let clients = Arc::clone(&self.clients);
        let count = async move { resent::count(&clients, parcel, kept_until_ms).await };
        async move { self.reactor.run(count).await }.boxed()
    }
}

impl Aws {
    async fn launch(&self, function: &str, payload: Vec<u8>) -> Result<(), InvokeError> {
        let request = self.clients.lambda().await.invoke().function_name(self.clients.settings().invoked(function));
        let answer = request.invocation_type(InvocationType::Event).payload(Blob::new(payload)).send().await;
        let Err(fault) = answer.map_err(Fault::of) else { return Ok(()) };
        let kind = fault.kind;
        let error =
            fault.port(self.clients.settings(), "invoke a worker", format_args!("Lambda function `{function}`"));
        Err(match kind {
            Kind::Throttled => InvokeError::Throttled,
            Kind::Unknown => InvokeError::Unknown(error),
            _ => InvokeError::Failed(error),
        })
    }
}

async fn update(clients: &Clients, shard: u8, expression: String, counts: &[i64]) -> Result<Minutes, PortError> {
    let mut request = clients
        .dynamodb()
        .await
        .update_item()
        .table_name(clients.settings().stack.table())
        .set_key(Some(key(clients.settings(), shard)))
        .update_expression(expression)
        .return_values(ReturnValue::AllNew);
    for (at, count) in counts.iter().enumerate() {
        request = request.expression_attribute_values(format!(":n{at}"), AttributeValue::N(count.to_string()));
    }
    let answer = request.send().await.map_err(|error| failed(clients.settings(), Fault::of(error)))?;
    Ok(minutes(&answer.attributes.unwrap_or_default()))
}

/// Not read consistently, which would cost twice as much: a launcher that finds capacity then counts, and gets the
/// exact answer.
pub(super) async fn read(clients: &Clients) -> Result<Minutes, PortError> {
    let request = clients.dynamodb().await.get_item().table_name(clients.settings().stack.table());
    let answer = request.set_key(Some(key(clients.settings(), 0))).send().await;
    let answer = answer.map_err(|error| failed(clients.settings(), Fault::of(error)))?;
    Ok(minutes(&answer.item.unwrap_or_default()))
}

/// All shards in one request.
async fn read_all(clients: &Clients, shards: u8) -> Result<BTreeMap<u8, Minutes>, PortError> {
    let settings = clients.settings();
    let keys = (0..shards).map(|shard| key(settings, shard)).collect();
    let invalid = |error: &dyn std::fmt::Display| PortError::Refused { what: error.to_string() };
    let keys = KeysAndAttributes::builder().set_keys(Some(keys)).build().map_err(|error| invalid(&error))?;
    let request = clients.dynamodb().await.batch_get_item().request_items(settings.stack.table(), keys);
    let answer = request.send().await.map_err(|error| failed(settings, Fault::of(error)))?;
    let of_table = |item: &HashMap<String, AttributeValue>| Some((item.get("pk")?.as_s().ok()?.clone(), minutes(item)));
    let found: HashMap<String, Minutes> =
        answer.responses().into_iter().flat_map(HashMap::values).flatten().filter_map(of_table).collect();
    let left: HashSet<&str> = answer
        .unprocessed_keys()
        .into_iter()
        .flat_map(HashMap::values)
        .flat_map(KeysAndAttributes::keys)
        .filter_map(|key| key.get("pk")?.as_s().ok().map(String::as_str))
        .collect();
    let names = (0..shards).map(|shard| (shard, shard_name(settings, shard)));
    let read = names.filter(|(_, name)| !left.contains(name.as_str()));
    Ok(read.map(|(shard, name)| (shard, found.get(&name).cloned().unwrap_or_default())).collect())
}

/// The key of a shard of the count.
fn key(settings: &Settings, shard: u8) -> HashMap<String, AttributeValue> {
    let text = |name: &str, value| (name.to_owned(), AttributeValue::S(value));
    HashMap::from([text("pk", shard_name(settings, shard)), text("sk", "-".to_owned())])
}

/// The first shard has the name that was the only one once, so that a deploy loses no count.
fn shard_name(settings: &Settings, shard: u8) -> String {
    let worker = settings.stack.worker(None);
    if shard == 0 { format!("o#{worker}") } else { format!("o#{worker}#{shard}") }
}

pub(super) fn failed(settings: &Settings, fault: Fault) -> PortError {
    let resource = format_args!("DynamoDB table `{}`", settings.stack.table());
    fault.port(settings, "count invocations", resource)
}

fn expression(moved: &Minutes, over: &[u64]) -> String {
    let mut text = String::from("ADD");
    for (at, minute) in moved.keys().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{comma} m{minute} :n{at}");
    }
    for (at, minute) in over.iter().filter(|minute| !moved.contains_key(minute)).enumerate() {
        let word = if at == 0 { " REMOVE" } else { "," };
        let _ = write!(text, "{word} m{minute}");
    }
    text
}

fn minutes(item: &HashMap<String, AttributeValue>) -> Minutes {
    let count = |(name, value): (&String, &AttributeValue)| {
        let minute = name.strip_prefix('m')?.parse().ok()?;
        Some((minute, value.as_n().ok()?.parse().ok()?))
    };
    item.iter().filter_map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_write_counts_and_cleans_up() {
        let moved = Minutes::from([(100, -3), (101, 7)]);
        assert_eq!(expression(&moved, &[]), "ADD m100 :n0, m101 :n1");
        assert_eq!(expression(&moved, &[97, 98, 100]), "ADD m100 :n0, m101 :n1 REMOVE m97, m98");
    }
}
