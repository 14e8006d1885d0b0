//! The port to the records of batches: how many calls a `fan_out` has accepted, and how many have ended.

use futures::future::BoxFuture;

use super::{Outgoing, Owed, PortError, Tally};
use crate::id::BatchId;

/// A batch to open.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// Its id.
    pub id: BatchId,
    /// Its name, for people.
    pub name: String,
    /// The task of its calls.
    pub task: String,
    /// When it was opened, in milliseconds since 1970.
    pub created_ms: u64,
    /// A message to send when the batch is closed and all its calls have ended.
    pub callback: Option<Outgoing>,
}

impl NewBatch {
    /// Its record when it has just been opened.
    pub fn record(&self) -> BatchRecord {
        BatchRecord {
            id: self.id,
            name: self.name.clone(),
            task: self.task.clone(),
            created_ms: self.created_ms,
            accepted: 0,
            closed: false,
            revoked: false,
            tally: Tally::default(),
            finished_ms: None,
        }
    }
}

/// The record of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRecord {
    /// Its id.
    pub id: BatchId,
    /// Its name.
    pub name: String,
    /// The task of its calls.
    pub task: String,
    /// When it was opened, in milliseconds since 1970.
    pub created_ms: u64,
    /// How many calls are accepted: those with indexes below this number.
    pub accepted: u64,
    /// Whether its source has been read to the end.
    pub closed: bool,
    /// Whether it was revoked.
    pub revoked: bool,
    /// How many of its calls ended in each state, including those in unfinished parcels.
    pub tally: Tally,
    /// When the last call ended, in milliseconds since 1970.
    pub finished_ms: Option<u64>,
}

/// The records of batches.
pub trait Batches: Send + Sync + 'static {
    /// Opens a batch, or returns the record of the batch that already has this id.
    fn open(&self, batch: NewBatch) -> BoxFuture<'_, Result<BatchRecord, PortError>>;

    /// Records that the calls from `from` up to but not including `upto` are accepted. Refused unless all calls before
    /// `from` are. Repeating it changes nothing.
    fn accepted(&self, id: BatchId, from: u64, upto: u64) -> BoxFuture<'_, Result<(), PortError>>;

    /// Closes a batch: all its calls are accepted. Returns the callback if they have all ended. Repeating it changes
    /// nothing.
    fn close(&self, id: BatchId, now_ms: u64) -> BoxFuture<'_, Result<Option<Owed>, PortError>>;

    /// Revokes a batch: parcels claimed from now on do not run. Returns whether the batch exists.
    fn revoke(&self, id: BatchId) -> BoxFuture<'_, Result<bool, PortError>>;

    /// Lifts the revocation of a batch: parcels claimed from now on run. Calls that were refused stay dead letters.
    /// Returns whether the batch exists.
    fn reinstate(&self, id: BatchId) -> BoxFuture<'_, Result<bool, PortError>>;

    /// A batch's record.
    fn get(&self, id: BatchId) -> BoxFuture<'_, Result<Option<BatchRecord>, PortError>>;

    /// The newest batches, newest first.
    fn list(&self, limit: usize) -> BoxFuture<'_, Result<Vec<BatchRecord>, PortError>>;
}
