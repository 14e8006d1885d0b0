//! The keys of the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::Item;
use celeriac_core::id::{BatchId, ParcelId, TaskId};

/// How many items a batch's counters are spread over. Each takes about a hundred transactions a second.
pub(super) const COUNTERS: u8 = 16;

/// How many partitions dead letters are spread over.
pub(super) const LETTERS: u8 = 16;

/// How many partitions the list of batches is spread over.
pub(super) const LISTS: u8 = 4;

/// How many calls of a batch have their records in one partition. No parcel has more calls, so a parcel's records are
/// in two partitions at most.
const BUCKET: u64 = celeriac_core::wire::MAX_CALLS as u64;

/// The sort key of an item that is alone in its partition.
const ALONE: &str = "-";

/// The key of an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    fn alone(pk: String) -> Self {
        Self { pk, sk: ALONE.to_owned() }
    }

    /// As attributes of a request.
    pub(super) fn attributes(&self) -> Item {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        HashMap::from([("pk".to_owned(), text(&self.pk)), ("sk".to_owned(), text(&self.sk))])
    }

    /// The key of a read item.
    pub(super) fn of(item: &Item) -> Option<Self> {
        let text = |name| item.get(name)?.as_s().ok().cloned();
        Some(Self { pk: text("pk")?, sk: text("sk")? })
    }
}

pub(super) fn parcel(parcel: ParcelId) -> Key {
    Key::alone(format!("p#{parcel}"))
}

/// The bucket of a call's records.
pub(super) fn bucket(index: u64) -> u64 {
    index / BUCKET
}

/// The root parcels that begin in a bucket.
pub(super) fn roots(batch: BatchId, bucket: u64) -> String {
    format!("b#{batch}#{bucket}")
}

/// An index as a text that sorts like the number.
pub(super) fn sorted(number: u64) -> String {
    format!("{number:020}")
}

pub(super) fn root(batch: BatchId, first: u64) -> Key {
    Key { pk: roots(batch, bucket(first)), sk: sorted(first) }
}

/// The records of the calls of a bucket.
pub(super) fn records(batch: BatchId, bucket: u64) -> String {
    format!("r#{batch}#{bucket}")
}

/// A recording. Its key depends on its content, so that writing it again writes the same item.
pub(super) fn record(batch: BatchId, bucket: u64, parcel: ParcelId, epoch: u64, hash: u64) -> Key {
    Key { pk: records(batch, bucket), sk: format!("{parcel}#{epoch}#{hash:016x}") }
}

/// The record of a removed dead letter.
pub(super) fn removed(call: TaskId, died_ms: u64) -> Key {
    let sk = format!("removed#{}#{died_ms}", sorted(call.index));
    Key { pk: records(call.batch, bucket(call.index)), sk }
}

/// The dead letters of a shard.
pub(super) fn letters(shard: u8) -> String {
    format!("d#{shard}")
}

/// A call's place, ordered by batch and index.
pub(super) fn call(call: TaskId) -> String {
    format!("{}#{}", call.batch, sorted(call.index))
}

/// A dead letter. Neighbouring calls have different shards, since they tend to die together.
pub(super) fn letter(id: TaskId) -> Key {
    let shard = (u128::from_be_bytes(id.batch.to_bytes()) as u64).wrapping_add(id.index) % u64::from(LETTERS);
    Key { pk: letters(shard as u8), sk: call(id) }
}

pub(super) fn batch(batch: BatchId) -> Key {
    Key::alone(format!("b#{batch}"))
}

pub(super) fn counter(batch: BatchId, shard: u8) -> Key {
    Key::alone(format!("c#{batch}#{shard}"))
}

/// The shard of a batch's counters that a parcel changes.
pub(super) fn counter_of(parcel: ParcelId) -> u8 {
    parcel.to_bytes()[15] % COUNTERS
}

/// All counters of a batch.
pub(super) fn counters(batch: BatchId) -> impl Iterator<Item = Key> {
    (0..COUNTERS).map(move |shard| counter(batch, shard))
}

/// The batches of a shard, ordered by opening time.
pub(super) fn list(shard: u8) -> String {
    format!("l#{shard}")
}

pub(super) fn listed(batch: BatchId, created_ms: u64) -> Key {
    let shard = batch.to_bytes()[15] % LISTS;
    Key { pk: list(shard), sk: format!("{}#{batch}", sorted(created_ms)) }
}

/// The unpaid callbacks.
pub(super) const CALLBACKS: &str = "o";

pub(super) fn callback(batch: BatchId) -> Key {
    Key { pk: CALLBACKS.to_owned(), sk: batch.to_string() }
}

pub(super) fn schedule(schedule: &str) -> Key {
    Key::alone(format!("s#{schedule}"))
}
