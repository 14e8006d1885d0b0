//! The port to the ledger: which worker runs a parcel, and which of its calls are done. The ledger has a small row for
//! each parcel, and rows for results and failures. Adapters keep the numbered rules in `ARCHITECTURE.md`, The parcel
//! protocol; `conformance::ledger` tests each.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::{Deserialize, Deserializer, Serialize};

use super::{DeadLetter, Outgoing, PortError, Tally};
use crate::{
    bitmap::Bitmap,
    id::{BatchId, ParcelId, TaskId},
    wire::{AtMost, Header},
};

/// How long a row outlives the last copy of its parcel (rule 8).
const OUTLIVES_MS: u64 = 2 * 24 * 3_600_000;

/// A request to run a parcel.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// The parcel.
    pub parcel: ParcelId,
    /// Whether a client packed it: its calls come neither from another parcel nor from dead letters. Their status is
    /// found by its row. Earlier programs derived its id in another way, so the id does not say.
    pub root: bool,
    /// The batch of its calls.
    pub batch: BatchId,
    /// Whether the batch counts the parcel: it has a record, whose counters finishing moves.
    pub counted: bool,
    /// The task of its calls.
    pub task: Arc<str>,
    /// The lowest index among its calls.
    pub first: u64,
    /// How many calls it has.
    pub count: u32,
    /// The claimer, for people to read: host, process, log stream.
    pub holder: Arc<str>,
    /// The time now.
    pub now_ms: u64,
    /// When the claim ends unless renewed.
    pub lease_until_ms: u64,
    /// When the parcel becomes too old to run. Its row is kept two days longer.
    pub not_after_ms: u64,
}

impl ClaimRequest {
    /// A request of `holder` to run the parcel with this header, until `lease_until_ms` unless renewed.
    pub fn of(header: &Header, holder: impl Into<Arc<str>>, now_ms: u64, lease_until_ms: u64) -> Self {
        Self {
            parcel: header.id,
            root: header.parent.is_none() && header.died_ms.is_none(),
            batch: header.batch,
            counted: header.counted,
            task: header.task.as_str().into(),
            first: header.first,
            count: header.count,
            holder: holder.into(),
            now_ms,
            lease_until_ms,
            not_after_ms: header.not_after_ms,
        }
    }

    /// Until when the parcel's row is kept, in milliseconds since 1970: two days longer than the parcel may be run.
    pub fn kept_until_ms(&self) -> u64 {
        self.not_after_ms.saturating_add(OUTLIVES_MS)
    }
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// The claimer holds the parcel until its lease ends.
    Claimed(Claimed),
    /// Another worker holds it and may be dead: hide the message until then and try again. Never a reason to delete.
    Busy {
        /// When the holder's lease ends.
        until_ms: u64,
    },
    /// All verdicts are recorded, but perhaps not all children sent: send them again and finish; run nothing.
    Sealed {
        /// The epoch to finish with.
        epoch: u64,
        /// Decides which child parcel each unfinished call moves to.
        seal: Seal,
    },
    /// The parcel is done: delete the message.
    Finished {
        /// A callback that its batch still owes: send it, then report it with [`Ledger::paid`].
        owed: Option<Owed>,
    },
    /// The `not_after_ms` of the request is over, so the parcel's row may be gone. `protocol::claim` asks with a
    /// later time instead, so that an old parcel is claimed and its calls become dead letters without running.
    TooOld,
}

/// A granted claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// The epoch that fences every later write.
    pub epoch: u64,
    /// The calls with a final verdict: they do not run again.
    pub done: Bitmap,
    /// The verdicts counted so far.
    pub tally: Tally,
    /// How many holders in a row have lost the parcel without settling it. Above 0 the worker is careful.
    pub losses: u32,
    /// The window that the last holder marked before it started the calls.
    pub window: Option<Window>,
    /// Whether the batch was revoked: its calls become dead letters without running.
    pub revoked: bool,
}

/// Calls that are about to start, marked beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Their positions in the parcel.
    pub calls: Bitmap,
    /// How many workers have died in a window of exactly these calls.
    pub deaths: u32,
}

/// What a worker has learned about a parcel. `done` and `tally` are complete; the lists have only new entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// All calls with a final verdict.
    pub done: Bitmap,
    /// All verdicts, counted.
    pub tally: Tally,
    /// New results of calls that returned something.
    pub results: Vec<ResultRow>,
    /// New failed attempts, final or not.
    pub failures: Vec<Failure>,
    /// New dead letters, each with the position of its call in the parcel.
    pub dead: Vec<(u32, DeadLetter)>,
}

/// What a call returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultRow {
    /// The call's index in its batch.
    pub index: u64,
    /// `MessagePack`.
    #[serde(with = "crate::wire::as_bin")]
    pub value: Bytes,
}

/// One attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The call's index in its batch.
    pub index: u64,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// When it ended, in milliseconds since 1970.
    pub at_ms: u64,
    /// How long it ran, in milliseconds.
    pub took_ms: u64,
    /// What ended it: `error`, `timeout`, `panic`, `crash`, `cancel`, `decode`, or `stop` if its worker was stopped.
    /// For a dead letter that was removed: `retried` or `dropped`.
    pub kind: String,
    /// The error's text, with its sources and, for a timeout, where it hung. At most 2,000 bytes.
    pub message: String,
    /// The worker that ran it.
    pub worker: String,
}

/// A recording during a run.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The parcel.
    pub parcel: ParcelId,
    /// The claim's epoch.
    pub epoch: u64,
    /// What is known. `None` only renews the lease.
    pub record: Option<Record>,
    /// Extends the lease to this time.
    pub lease_until_ms: u64,
    /// Marks the calls that are about to start and replaces the previous mark; `None` keeps the mark.
    pub window: Option<Window>,
}

/// Decides, once and for all, which child parcel each unfinished call moves to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// At most [`Seal::MAX_CHILDREN`]. Child `k` has the id `parcel.child(k)`.
    #[serde(deserialize_with = "at_most_max_children")]
    pub children: Vec<ChildPlan>,
}

impl Seal {
    /// The most children of one parcel, which keeps the row small.
    pub const MAX_CHILDREN: usize = 8;
}

fn at_most_max_children<'de, D: Deserializer<'de>>(children: D) -> Result<Vec<ChildPlan>, D::Error> {
    AtMost { most: Seal::MAX_CHILDREN, what: "children" }.read(children)
}

/// One child of a parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildPlan {
    /// The positions of its calls in the parent.
    pub calls: Bitmap,
    /// The attempt that its calls are to make.
    pub attempt: u32,
    /// When it is due, in milliseconds since 1970; 0 for at once.
    pub due_ms: u64,
}

/// The end of a parcel.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The parcel.
    pub parcel: ParcelId,
    /// The epoch of the claim, or of the seal.
    pub epoch: u64,
    /// The last verdicts; `None` if the parcel is sealed, since sealing recorded them.
    pub record: Option<Record>,
}

/// A callback that a complete batch owes.
#[derive(Clone, Debug)]
pub struct Owed {
    /// The batch.
    pub batch: BatchId,
    /// The parcel to send.
    pub message: Outgoing,
}

impl PartialEq for Owed {
    fn eq(&self, other: &Self) -> bool {
        self.batch == other.batch && self.message.body == other.message.body
    }
}

/// The state of a parcel's row.
#[derive(Clone, Debug, PartialEq)]
pub enum RowState {
    /// Claimed now or before.
    Open,
    /// All verdicts are recorded; children are perhaps not sent.
    Sealed(Seal),
    /// Done. The seal says where unfinished calls moved.
    Finished(Seal),
}

/// A parcel's row, to look up the fate of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The parcel.
    pub parcel: ParcelId,
    /// Its state.
    pub state: RowState,
    /// How often it was claimed.
    pub epoch: u64,
    /// The last holder.
    pub holder: String,
    /// When the last claim ends.
    pub lease_until_ms: u64,
    /// The lowest index among its calls.
    pub first: u64,
    /// How many calls it has.
    pub count: u32,
    /// The calls with a final verdict.
    pub done: Bitmap,
}

/// The ledger.
pub trait Ledger: Send + Sync + 'static {
    /// Claims parcels (rule 2): raises the epoch of each that is free. The answers are in the order of the requests.
    fn claim(&self, requests: Vec<ClaimRequest>) -> BoxFuture<'_, Vec<Result<Claim, PortError>>>;

    /// Records verdicts, renews leases, marks windows; fenced (rule 3). Recorded means durable.
    fn checkpoint(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), PortError>>>;

    /// Records the last verdicts and the children's plans in one fenced write (rule 4). Sealing again with the same
    /// epoch changes nothing.
    fn seal(&self, parcel: ParcelId, epoch: u64, record: Record, seal: Seal) -> BoxFuture<'_, Result<(), PortError>>;

    /// Finishes a parcel and updates its batch's counters once, in one fenced write (rule 5). Finishing again changes
    /// nothing. Returns the callback that the batch owes.
    fn finish(&self, finish: Finish) -> BoxFuture<'_, Result<Option<Owed>, PortError>>;

    /// Records that a batch's callback was sent.
    fn paid(&self, batch: BatchId) -> BoxFuture<'_, Result<(), PortError>>;

    /// The callbacks whose sender died before sending them, for a sweep.
    fn owed(&self) -> BoxFuture<'_, Result<Vec<Owed>, PortError>>;

    /// The rows of these parcels; `None` where there is none.
    fn rows(&self, parcels: Vec<ParcelId>) -> BoxFuture<'_, Result<Vec<Option<Row>>, PortError>>;

    /// The row of the root parcel that has a call, once the parcel was claimed.
    fn root_of(&self, call: TaskId) -> BoxFuture<'_, Result<Option<Row>, PortError>>;

    /// The result of a call, if one is recorded.
    fn result_of(&self, call: TaskId) -> BoxFuture<'_, Result<Option<Bytes>, PortError>>;

    /// The failed attempts of a call, oldest first.
    fn history(&self, call: TaskId) -> BoxFuture<'_, Result<Vec<Failure>, PortError>>;
}
