//! The records of batches: what one `fan_out` accepted, and how much of it has ended.

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

/// What is known of a batch.
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
    /// How many calls are accepted: those with the indexes below this.
    pub accepted: u64,
    /// Whether its source has been read to the end.
    pub closed: bool,
    /// Whether it was revoked.
    pub revoked: bool,
    /// How many of its calls ended how, those in unfinished parcels included.
    pub tally: Tally,
    /// When the last call ended, in milliseconds since 1970.
    pub finished_ms: Option<u64>,
}

/// The records of batches.
pub trait Batches: Send + Sync + 'static {
    /// Opens a batch, or answers the record of the one that has this id already.
    fn open(&self, batch: NewBatch) -> BoxFuture<'_, Result<BatchRecord, PortError>>;

    /// Remembers that the calls from `from` to `upto`, without `upto`, are accepted. Refused unless those before
    /// `from` are; remembering again changes nothing.
    fn accepted(&self, id: BatchId, from: u64, upto: u64) -> BoxFuture<'_, Result<(), PortError>>;

    /// Closes a batch: all its calls are accepted. Answers the callback if they have all ended. Closing again
    /// changes nothing.
    fn close(&self, id: BatchId, now_ms: u64) -> BoxFuture<'_, Result<Option<Owed>, PortError>>;

    /// Revokes a batch: parcels claimed from now on do not run. Says whether there is such a batch.
    fn revoke(&self, id: BatchId) -> BoxFuture<'_, Result<bool, PortError>>;

    /// Lifts the revocation of a batch: parcels claimed from now on run. What was refused before stays a dead letter.
    /// Says whether there is such a batch.
    fn reinstate(&self, id: BatchId) -> BoxFuture<'_, Result<bool, PortError>>;

    /// A batch's record.
    fn get(&self, id: BatchId) -> BoxFuture<'_, Result<Option<BatchRecord>, PortError>>;

    /// The newest batches, newest first.
    fn list(&self, limit: usize) -> BoxFuture<'_, Result<Vec<BatchRecord>, PortError>>;
}
