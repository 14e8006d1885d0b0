//! Stores results and failures beside the parcel's row: packed into one item for each bucket of calls, written once and
//! never changed. The cost is per recording, not per call.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    blob,
    fence::Fence,
    item::{Fields, Item, TTL, number, pack, unpack},
    keys::{self, Key},
    query::Range,
    row::Origin,
    table::{Table, all},
    write::Extra,
};
use celeriac_core::{
    id::TaskId,
    ports::{Failure, PortError, Record, ResultRow},
};

/// The attributes.
const LOWEST: &str = "i";
const HIGHEST: &str = "j";
const WRITTEN: &str = "t";

/// The most bytes of rows in one item before packing, with some margin below DynamoDB's limit of 400 KB.
const MAX_BYTES: usize = 350 << 10;

/// Results and failures to write.
#[derive(Default, Serialize)]
pub(super) struct Rows<'a> {
    results: Vec<&'a ResultRow>,
    failures: Vec<&'a Failure>,
    #[serde(skip)]
    bytes: usize,
}

/// Results and failures as they are read.
#[derive(Default, Deserialize)]
struct Found {
    results: Vec<ResultRow>,
    failures: Vec<Failure>,
}

impl<'a> Rows<'a> {
    pub(super) fn of_failure(failure: &'a Failure) -> Self {
        Self { failures: vec![failure], ..Self::default() }
    }

    /// The lowest and the highest index among them.
    fn range(&self) -> (u64, u64) {
        let results = self.results.iter().map(|result| result.index);
        let indexes = results.chain(self.failures.iter().map(|failure| failure.index));
        indexes.fold((u64::MAX, 0), |(low, high), index| (low.min(index), high.max(index)))
    }
}

/// The rows of a record, by bucket, in parts that fit an item.
fn split(record: &Record) -> Vec<(u64, Rows<'_>)> {
    let mut buckets: BTreeMap<u64, Vec<Rows<'_>>> = BTreeMap::new();
    for result in &record.results {
        place(&mut buckets, result.index, result.value.len() + 24).results.push(result);
    }
    for failure in &record.failures {
        let bytes = failure.message.len() + failure.worker.len() + failure.kind.len() + 80;
        place(&mut buckets, failure.index, bytes).failures.push(failure);
    }
    buckets.into_iter().flat_map(|(bucket, parts)| parts.into_iter().map(move |rows| (bucket, rows))).collect()
}

/// A part with room for a row of this many bytes.
fn place<'m, 'a>(buckets: &'m mut BTreeMap<u64, Vec<Rows<'a>>>, index: u64, bytes: usize) -> &'m mut Rows<'a> {
    let parts = buckets.entry(keys::bucket(index)).or_default();
    if parts.last().is_none_or(|rows| rows.bytes + bytes > MAX_BYTES) {
        parts.push(Rows::default());
    }
    let at = parts.len() - 1;
    parts[at].bytes += bytes;
    &mut parts[at]
}

/// The attributes of all record items, without the rows.
pub(super) fn item(key: &Key, now_ms: u64, rows: &Rows<'_>) -> Item {
    let (lowest, highest) = rows.range();
    let mut item = key.attributes();
    item.extend([
        (LOWEST.to_owned(), number(lowest)),
        (HIGHEST.to_owned(), number(highest)),
        (WRITTEN.to_owned(), number(now_ms)),
    ]);
    item
}

impl Table {
    /// The items of a record.
    pub(super) async fn record_items(
        &self,
        fence: &Fence,
        origin: Origin,
        record: &Record,
    ) -> Result<Vec<Extra>, PortError> {
        let parts = split(record).into_iter();
        all(parts.map(|(bucket, rows)| self.record_item(fence, origin, bucket, rows)).collect()).await
    }

    async fn record_item(&self, fence: &Fence, at: Origin, bucket: u64, rows: Rows<'_>) -> Result<Extra, PortError> {
        let packed = pack(&rows);
        let key = keys::record(at.batch, bucket, fence.parcel, fence.epoch, xxh3_64(&packed));
        let object = format!("records/{}/{bucket}/{}", at.batch, key.sk.replace('#', "-"));
        let mut item = item(&key, self.clock.now_ms(), &rows);
        item.insert(TTL.to_owned(), number(at.keep_until_s));
        let bytes = self.lay(&mut item, object, packed).await?;
        Ok(Extra::of(self.put_action(item), bytes))
    }

    /// The last result of a call.
    pub(super) async fn result_of(&self, call: TaskId) -> Result<Option<Bytes>, PortError> {
        let results = self.about(call).await?.into_iter().flat_map(|found| found.results);
        Ok(results.filter(|result| result.index == call.index).last().map(|result| result.value))
    }

    /// The failed attempts of a call.
    pub(super) async fn history(&self, call: TaskId) -> Result<Vec<Failure>, PortError> {
        let failures = self.about(call).await?.into_iter().flat_map(|found| found.failures);
        let mut failures: Vec<Failure> = failures.filter(|failure| failure.index == call.index).collect();
        failures.sort_by_key(|failure| (failure.at_ms, failure.attempt));
        // A recording whose answer was lost may record an attempt again, together with others.
        failures.dedup();
        Ok(failures)
    }

    /// The records that may concern a call, oldest first. They concern other calls too.
    async fn about(&self, call: TaskId) -> Result<Vec<Found>, PortError> {
        let range = Range::of(keys::records(call.batch, keys::bucket(call.index)));
        let range = range.filter("i <= :call AND j >= :call").with(":call", number(call.index));
        let items = self.query(range).await?;
        let found = all(items.iter().map(|item| self.read_record(item)).collect()).await?;
        let mut found: Vec<(u64, Found)> = found.into_iter().flatten().collect();
        found.sort_by_key(|(written_ms, _)| *written_ms);
        Ok(found.into_iter().map(|(_, rows)| rows).collect())
    }

    /// The rows of an item, and when it was written. An object that is gone has expired, as the item soon will.
    async fn read_record(&self, item: &Item) -> Result<Option<(u64, Found)>, PortError> {
        let Some(packed) = self.fetch(item).await? else { return Ok(None) };
        let rows = unpack(&packed).ok_or_else(|| blob::unreadable(item))?;
        Ok(Some((Fields(item).number(WRITTEN)?, rows)))
    }
}
