//! The items of batches: writes them, and reads a batch's record from its item and its counters.

use std::collections::{BTreeSet, HashMap};

use super::{
    counters,
    item::{Fields, Item, flag, number, text},
    keys::{self, Key},
    table::Table,
};
use celeriac_core::{
    id::BatchId,
    ports::{BatchRecord, Counts, NewBatch, PortError},
};

/// The attributes.
pub(super) mod names {
    pub(crate) const NAME: &str = "n";
    pub(crate) const TASK: &str = "k";
    pub(crate) const CREATED: &str = "t";
    pub(crate) const ACCEPTED: &str = "a";
    /// When it was closed, if it is closed.
    pub(crate) const CLOSED: &str = "z";
    pub(crate) const REVOKED: &str = "v";
    /// Whether it was opened with a callback.
    pub(crate) const CALLBACK: &str = "c";
}
use names::{ACCEPTED, CALLBACK, CLOSED, CREATED, NAME, REVOKED, TASK};

/// A batch's item.
pub(super) fn item(batch: &NewBatch) -> Item {
    let mut item = keys::batch(batch.id).attributes();
    item.extend([
        (NAME.to_owned(), text(&batch.name)),
        (TASK.to_owned(), text(&batch.task)),
        (CREATED.to_owned(), number(batch.created_ms)),
        (ACCEPTED.to_owned(), number(0)),
        (CALLBACK.to_owned(), flag(batch.callback.is_some())),
    ]);
    item
}

/// The record of a batch, from its item and its counters, if its item is among these.
pub(super) fn record(id: BatchId, found: &HashMap<Key, Item>) -> Result<Option<BatchRecord>, PortError> {
    let Some(item) = found.get(&keys::batch(id)) else { return Ok(None) };
    let fields = Fields(item);
    let (mut counts, mut ended_ms) = (Counts::default(), 0);
    for shard in keys::counters(id).filter_map(|key| found.get(&key)) {
        let (more, last_ms) = counters::read(shard)?;
        (counts, ended_ms) = (counts + more, ended_ms.max(last_ms));
    }
    let accepted: u64 = fields.number(ACCEPTED)?;
    let closed_ms = if fields.has(CLOSED) { Some(fields.number::<u64>(CLOSED)?) } else { None };
    let is_complete = u64::try_from(counts.ended()).unwrap_or(0) >= accepted;
    Ok(Some(BatchRecord {
        id,
        name: fields.text(NAME)?.to_owned(),
        task: fields.text(TASK)?.to_owned(),
        created_ms: fields.number(CREATED)?,
        accepted,
        closed: closed_ms.is_some(),
        revoked: fields.flag(REVOKED)?,
        tally: counts.tally(),
        finished_ms: closed_ms.filter(|_| is_complete).map(|closed_ms| closed_ms.max(ended_ms)),
    }))
}

/// The items that make up a batch's record.
pub(super) fn keys_of(id: BatchId) -> impl Iterator<Item = Key> {
    keys::counters(id).chain([keys::batch(id)])
}

impl Table {
    /// Returns which of these batches are revoked.
    pub(super) async fn revoked(&self, batches: BTreeSet<BatchId>) -> Result<BTreeSet<BatchId>, PortError> {
        if batches.is_empty() {
            return Ok(batches);
        }
        let found = self.get_many(batches.iter().copied().map(keys::batch).collect()).await?;
        let mut revoked = BTreeSet::new();
        for id in batches {
            let Some(item) = found.get(&keys::batch(id)) else { continue };
            self.callbacks.put(id, Fields(item).flag(CALLBACK)?);
            if Fields(item).flag(REVOKED)? {
                revoked.insert(id);
            }
        }
        Ok(revoked)
    }

    /// The records of batches; `None` where there is none.
    pub(super) async fn batch_records(&self, ids: &[BatchId]) -> Result<Vec<Option<BatchRecord>>, PortError> {
        let found = self.get_many(ids.iter().copied().flat_map(keys_of).collect()).await?;
        ids.iter().map(|id| record(*id, &found)).collect()
    }

    /// Whether a batch was opened with a callback. It never changes.
    pub(super) async fn has_callback(&self, id: BatchId) -> Result<bool, PortError> {
        if let Some(has) = self.callbacks.get(&id) {
            return Ok(has);
        }
        let Some(item) = self.get(&keys::batch(id)).await? else { return Ok(false) };
        let has = Fields(&item).flag(CALLBACK)?;
        self.callbacks.put(id, has);
        Ok(has)
    }
}
