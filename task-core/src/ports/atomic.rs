//! Steps of the parcel protocol that some backends do in one write. For the others, [`crate::protocol`] does the same
//! in repeatable steps.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{Outgoing, PortError, Receipt, Record, Seal, SendError};
use crate::id::{BatchId, ParcelId};

/// Parcels of a batch to send, and the new mark of the batch.
#[derive(Clone, Debug)]
pub struct Accept {
    /// The batch.
    pub batch: BatchId,
    /// The index of the first call in `messages`.
    pub from: u64,
    /// The index after the last call.
    pub upto: u64,
    /// The parcels.
    pub messages: Vec<Outgoing>,
}

/// The end of a parcel's run: record, seal, send, finish, delete the message.
#[derive(Clone, Debug)]
pub struct Settling {
    /// The parcel.
    pub parcel: ParcelId,
    /// The claim's epoch.
    pub epoch: u64,
    /// The last verdicts.
    pub record: Record,
    /// Decides which child parcel each unfinished call moves to.
    pub seal: Seal,
    /// The children, as the seal says.
    pub children: Vec<Outgoing>,
    /// The queue of the parcel's message.
    pub queue: Arc<str>,
    /// The delivery whose message is deleted.
    pub receipt: Receipt,
}

/// Does several steps in one write.
pub trait Atomic: Send + Sync + 'static {
    /// Sends parcels and moves the batch's mark: both or neither.
    fn accept(&self, accept: Accept) -> BoxFuture<'_, Result<(), SendError>>;

    /// Settles a parcel completely or not at all; a callback that its batch then owes is sent in the same write.
    /// Fenced. A stale receipt is no error: the next delivery will find the parcel finished.
    fn settle(&self, settling: Settling) -> BoxFuture<'_, Result<(), PortError>>;
}
