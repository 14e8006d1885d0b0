//! Implements the port to batch records: opening, moving the mark, closing, revoking, looking up.

use aws_sdk_dynamodb::types::ReturnValue;

use super::{
    batch_rows::{
        self,
        names::{ACCEPTED, CLOSED, REVOKED},
    },
    callbacks,
    change::Change,
    item::{Fields, Item, flag, number},
    keys::{self, LISTS},
    query::Range,
    table::{Changed, Table, all},
};
use celeriac_core::{
    id::BatchId,
    ports::{BatchRecord, NewBatch, Owed, PortError},
};

/// The batch exists, has accepted the calls before these but not these, and is open.
const IN_TURN: &str = "attribute_exists(pk) AND a >= :from AND a < :upto AND attribute_not_exists(z)";

impl Table {
    /// Opens a batch, or returns the record of the batch that already has this id.
    pub(super) async fn open(&self, batch: NewBatch) -> Result<BatchRecord, PortError> {
        let id = batch.id;
        let mut actions = vec![
            self.put_action_if(batch_rows::item(&batch), "attribute_not_exists(pk)", Item::new()),
            self.put_action(keys::listed(id, batch.created_ms).attributes()),
        ];
        actions.extend(batch.callback.as_ref().map(|callback| self.put_action(callbacks::item(id, callback))));
        if self.transact(actions).await?.is_empty() {
            return Ok(batch.record());
        }
        self.batch(id).await?.ok_or_else(|| unknown(id))
    }

    /// Moves the mark up to which calls are accepted.
    pub(super) async fn accepted(&self, id: BatchId, from: u64, upto: u64) -> Result<(), PortError> {
        let change = Change::of(keys::batch(id)).given(IN_TURN).with(":from", number(from)).with(":upto", number(upto));
        let item = match self.update(change.set(ACCEPTED, number(upto)), ReturnValue::None).await? {
            Changed::Done(_) => return Ok(()),
            Changed::Unmet(item) => item.ok_or_else(|| unknown(id))?,
        };
        let fields = Fields(&item);
        let accepted: u64 = fields.number(ACCEPTED)?;
        let what = if upto <= accepted {
            return Ok(());
        } else if fields.has(CLOSED) {
            format!("batch {id} is closed with {accepted} calls: it takes no more")
        } else {
            format!("calls {accepted} to {from} of batch {id} are not accepted: send them before those up to {upto}")
        };
        Err(PortError::Refused { what })
    }

    /// Closes a batch. Returns the callback if all its calls have ended.
    pub(super) async fn close(&self, id: BatchId, now_ms: u64) -> Result<Option<Owed>, PortError> {
        let change = Change::of(keys::batch(id)).given("attribute_exists(pk)").set_once(CLOSED, number(now_ms));
        match self.update(change, ReturnValue::None).await? {
            Changed::Done(_) => self.owed_by_batch(id).await,
            Changed::Unmet(_) => Err(unknown(id)),
        }
    }

    /// Revokes a batch, or lifts the revocation. Returns whether the batch exists.
    pub(super) async fn set_revoked(&self, id: BatchId, revoked: bool) -> Result<bool, PortError> {
        let change = Change::of(keys::batch(id)).given("attribute_exists(pk)").set(REVOKED, flag(revoked));
        Ok(matches!(self.update(change, ReturnValue::None).await?, Changed::Done(_)))
    }

    /// A batch's record.
    pub(super) async fn batch(&self, id: BatchId) -> Result<Option<BatchRecord>, PortError> {
        Ok(self.batch_records(&[id]).await?.pop().flatten())
    }

    /// The newest batches, newest first.
    pub(super) async fn newest(&self, limit: usize) -> Result<Vec<BatchRecord>, PortError> {
        let shard = |shard| self.query(Range::of(keys::list(shard)).backwards().limit(limit));
        let shards = all((0..LISTS).map(shard).collect()).await?;
        let places = shards.iter().flatten().map(|item| Fields(item).text("sk"));
        let mut places = places.collect::<Result<Vec<&str>, PortError>>()?;
        places.sort_unstable_by(|a, b| b.cmp(a));
        places.truncate(limit);
        let ids = places.iter().filter_map(|place| place.split_once('#')?.1.parse().ok()).collect::<Vec<BatchId>>();
        Ok(self.batch_records(&ids).await?.into_iter().flatten().collect())
    }
}

fn unknown(id: BatchId) -> PortError {
    PortError::Refused { what: format!("there is no batch {id}: open it first") }
}
