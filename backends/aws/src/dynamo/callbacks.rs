//! Stores callbacks of batches. Each has an item from the opening of its batch until it is sent, so that a crash loses
//! none.

use aws_sdk_dynamodb::types::ReturnValue;
use bytes::Bytes;

use super::{
    batch_rows,
    change::Change,
    item::{Fields, Item, bytes, number, text},
    keys,
    query::Range,
    row::Origin,
    table::{Changed, Table},
};
use celeriac_core::{
    id::BatchId,
    ports::{BatchRecord, Outgoing, Owed, PortError},
};

/// How long a process that was given a callback has to send it before another process is given it.
const HANDED_MS: u64 = 30_000;

const QUEUE: &str = "q";
const DUE: &str = "d";
const BODY: &str = "m";
/// When it was last given to a process. It is owed.
const HANDED: &str = "h";

/// The item of a callback that is not owed yet.
pub(super) fn item(batch: BatchId, callback: &Outgoing) -> Item {
    let mut item = keys::callback(batch).attributes();
    item.extend([
        (QUEUE.to_owned(), text(callback.queue.as_ref())),
        (DUE.to_owned(), number(callback.due_ms)),
        (BODY.to_owned(), bytes(callback.body.as_ref())),
    ]);
    item
}

impl Table {
    /// Gives out the callback that the batch of a finished parcel owes, if there is one.
    pub(super) async fn owed_by(&self, origin: Origin) -> Result<Option<Owed>, PortError> {
        if origin.counted { self.owed_by_batch(origin.batch).await } else { Ok(None) }
    }

    /// Gives out the callback that a batch owes, if there is one.
    pub(super) async fn owed_by_batch(&self, batch: BatchId) -> Result<Option<Owed>, PortError> {
        if !self.has_callback(batch).await? {
            return Ok(None);
        }
        let found = self.get_many(batch_rows::keys_of(batch).chain([keys::callback(batch)]).collect()).await?;
        let Some(callback) = found.get(&keys::callback(batch)) else { return Ok(None) };
        let is_finished = batch_rows::record(batch, &found)?.is_some_and(|record| record.finished_ms.is_some());
        if is_finished || Fields(callback).has(HANDED) { self.hand_out(batch).await } else { Ok(None) }
    }

    async fn hand_out(&self, batch: BatchId) -> Result<Option<Owed>, PortError> {
        let change = Change::of(keys::callback(batch)).given("attribute_exists(pk)");
        let change = change.set(HANDED, number(self.clock.now_ms()));
        match self.update(change, ReturnValue::AllNew).await? {
            Changed::Done(item) => owed(&item).map(Some),
            // Paid in the meantime.
            Changed::Unmet(_) => Ok(None),
        }
    }

    /// The owed callbacks whose process died before sending them. Such a batch may be complete without a trace: the
    /// process that completed it may have died before it looked.
    pub(super) async fn all_owed(&self) -> Result<Vec<Owed>, PortError> {
        let handed_until_ms = self.clock.now_ms().saturating_sub(HANDED_MS);
        let (mut all, mut unknown) = (Vec::new(), Vec::new());
        for item in self.query(Range::of(keys::CALLBACKS.to_owned())).await? {
            let owed = owed(&item)?;
            if !Fields(&item).has(HANDED) {
                unknown.push(owed);
            } else if Fields(&item).number::<u64>(HANDED)? <= handed_until_ms {
                all.push(owed);
            }
        }
        let ids: Vec<BatchId> = unknown.iter().map(|owed| owed.batch).collect();
        let records = self.batch_records(&ids).await?;
        let is_finished = |record: &Option<BatchRecord>| record.as_ref().is_some_and(|at| at.finished_ms.is_some());
        all.extend(unknown.into_iter().zip(&records).filter(|(_, record)| is_finished(record)).map(|(owed, _)| owed));
        Ok(all)
    }

    /// Removes a callback that was sent.
    pub(super) async fn paid(&self, batch: BatchId) -> Result<(), PortError> {
        self.delete(&keys::callback(batch)).await
    }
}

fn owed(item: &Item) -> Result<Owed, PortError> {
    let fields = Fields(item);
    Ok(Owed {
        batch: fields.text("sk")?.parse().map_err(|_| fields.unreadable("sk"))?,
        message: Outgoing::of(fields.text(QUEUE)?, Bytes::copy_from_slice(fields.bytes(BODY)?), fields.number(DUE)?),
    })
}
