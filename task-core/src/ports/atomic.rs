//! Steps of the parcel protocol that some backends do in one write. Where there is no such port, [`crate::protocol`]
//! does the same in steps, each of which may be repeated.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{Outgoing, PortError, Receipt, Record, Seal, SendError};
use crate::id::{BatchId, ParcelId};

/// Parcels of a batch to send, and how far that brings the batch.
#[derive(Clone, Debug)]
pub struct Accept {
    /// The batch.
    pub batch: BatchId,
    /// The index of the first call in `messages`.
    pub from: u64,
    /// The index after the last.
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
    /// What goes into which child.
    pub seal: Seal,
    /// The children, as the seal says.
    pub children: Vec<Outgoing>,
    /// The queue of the parcel's message.
    pub queue: Arc<str>,
    /// The delivery whose message is deleted.
    pub receipt: Receipt,
}

/// Several steps in one write.
pub trait Atomic: Send + Sync + 'static {
    /// Sends parcels and moves the batch's mark, both or neither.
    fn accept(&self, accept: Accept) -> BoxFuture<'_, Result<(), SendError>>;

    /// Settles a parcel, wholly or not at all; a callback that its batch then owes is sent with it. Fenced. A stale
    /// receipt is no error: the message will be found finished.
    fn settle(&self, settling: Settling) -> BoxFuture<'_, Result<(), PortError>>;
}
