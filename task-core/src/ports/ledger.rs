//! Who runs which parcel, and what of it is done: the small row behind each parcel, and the rows beside it for
//! results and failures. The rules that an adapter keeps are the numbered ones of `ARCHITECTURE.md`, The parcel
//! protocol; `conformance::ledger` tests each.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::{Deserialize, Deserializer, Serialize};

use super::{DeadLetter, Outgoing, PortError, Reason};
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
    /// Who asks, for people to read: host, process, log stream.
    pub holder: Arc<str>,
    /// The time now.
    pub now_ms: u64,
    /// Until when the claim holds unless renewed.
    pub lease_until_ms: u64,
    /// When the parcel becomes too old to run. Its row is kept two days longer.
    pub not_after_ms: u64,
}

impl ClaimRequest {
    /// A request of `holder` to run the parcel with this header, until `lease_until_ms` unless renewed.
    pub fn of(header: &Header, holder: impl Into<Arc<str>>, now_ms: u64, lease_until_ms: u64) -> Self {
        Self {
            parcel: header.id,
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
    /// The parcel is the claimer's until its lease ends.
    Claimed(Claimed),
    /// Someone else holds it, who may be dead: hide its message until then and try again. Never a reason to delete.
    Busy {
        /// When the holder's lease ends.
        until_ms: u64,
    },
    /// All verdicts are recorded, but perhaps not all children sent: send them (again), finish, run nothing.
    Sealed {
        /// The epoch to finish with.
        epoch: u64,
        /// What goes into which child.
        seal: Seal,
    },
    /// Nothing is left to do: delete the message.
    Finished {
        /// A callback that its batch still owes: send it, then say so with [`Ledger::paid`].
        owed: Option<Owed>,
    },
    /// The parcel is older than its row may be kept: its calls become dead letters without running.
    TooOld,
}

/// A claim that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// Fences every later write.
    pub epoch: u64,
    /// The calls whose final verdict is recorded: they do not run again.
    pub done: Bitmap,
    /// The verdicts counted so far.
    pub tally: Tally,
    /// How many holders in a row have lost the parcel without settling it. Above 0 the worker is careful.
    pub losses: u32,
    /// The window that the last of them had marked before it started its calls.
    pub window: Option<Window>,
    /// Whether the batch was revoked: its calls become dead letters without running.
    pub revoked: bool,
}

/// Calls that were about to be started, marked before they were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Their positions in the parcel.
    pub calls: Bitmap,
    /// How many times a worker died in a window of just these.
    pub deaths: u32,
}

/// How many calls ended how. A call counts once, in the state it ended in; `retries` counts attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Returned `Ok`.
    pub succeeded: u64,
    /// Failed for the last time, or were cancelled.
    pub failed: u64,
    /// Ran over their timeout for the last time.
    pub timed_out: u64,
    /// Took their worker with them.
    pub crashed: u64,
    /// Were revoked before they ran.
    pub revoked: u64,
    /// Were not started before they expired.
    pub expired: u64,
    /// May or may not have run: `at_most_once` calls whose worker died.
    pub unknown: u64,
    /// Attempts that failed and were followed by another.
    pub retries: u64,
}

impl Tally {
    /// Calls that died of this.
    pub fn of(&self, reason: Reason) -> u64 {
        match reason {
            Reason::Failed => self.failed,
            Reason::TimedOut => self.timed_out,
            Reason::Crashed => self.crashed,
            Reason::Revoked => self.revoked,
            Reason::Expired => self.expired,
            Reason::Unknown => self.unknown,
        }
    }

    /// Counts one that died of this.
    pub fn died(&mut self, reason: Reason) {
        *match reason {
            Reason::Failed => &mut self.failed,
            Reason::TimedOut => &mut self.timed_out,
            Reason::Crashed => &mut self.crashed,
            Reason::Revoked => &mut self.revoked,
            Reason::Expired => &mut self.expired,
            Reason::Unknown => &mut self.unknown,
        } += 1;
    }

    /// Calls that ended otherwise than well: each is a dead letter.
    pub fn dead(&self) -> u64 {
        Reason::ALL.into_iter().map(|reason| self.of(reason)).sum()
    }

    /// Calls that ended.
    pub fn ended(&self) -> u64 {
        self.succeeded + self.dead()
    }
}

/// What a worker has learned about a parcel. `done` and `tally` are whole, the lists hold what is new.
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
    /// What ended it: `error`, `timeout`, `panic`, `crash`, `cancel`, `decode`, or `stop` for a call that its worker
    /// was stopped under. Or, of a dead letter that was removed, `retried` or `dropped`.
    pub kind: String,
    /// The error's text, with its sources and, for a timeout, where it hung. At most 2,000 bytes.
    pub message: String,
    /// Who ran it.
    pub worker: String,
}

/// A recording on the way.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The parcel.
    pub parcel: ParcelId,
    /// The claim's epoch.
    pub epoch: u64,
    /// What is known. `None` only renews.
    pub record: Option<Record>,
    /// Extends the lease to this time.
    pub lease_until_ms: u64,
    /// Marks the calls that are about to be started, replacing the mark before; `None` leaves it.
    pub window: Option<Window>,
}

/// What goes into which child, decided once and for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// At most [`Seal::MAX_CHILDREN`]; child `k` has the id `parcel.child(k)`.
    #[serde(deserialize_with = "at_most_max_children")]
    pub children: Vec<ChildPlan>,
}

impl Seal {
    /// The most children of one parcel: the row stays small.
    pub const MAX_CHILDREN: usize = 8;
}

fn at_most_max_children<'de, D: Deserializer<'de>>(children: D) -> Result<Vec<ChildPlan>, D::Error> {
    AtMost { most: Seal::MAX_CHILDREN, what: "children" }.read(children)
}

/// One child of a parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildPlan {
    /// The positions in the parent of its calls.
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
    /// The last verdicts; `None` when the parcel is sealed, which recorded them.
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
    /// Claimed, or claimed once.
    Open,
    /// All verdicts recorded; children perhaps not sent.
    Sealed(Seal),
    /// Nothing left to do; what became of calls that did not end here.
    Finished(Seal),
}

/// A parcel's row, for looking up what became of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The parcel.
    pub parcel: ParcelId,
    /// Where it stands.
    pub state: RowState,
    /// How often it was claimed.
    pub epoch: u64,
    /// Who claimed it last.
    pub holder: String,
    /// When that claim ends.
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

    /// Records the last verdicts and what goes into which child, in one fenced write (rule 4). Sealing again with
    /// the same epoch changes nothing.
    fn seal(&self, parcel: ParcelId, epoch: u64, record: Record, seal: Seal) -> BoxFuture<'_, Result<(), PortError>>;

    /// Finishes a parcel and moves its batch's counters, once, in one fenced write (rule 5). Finishing again
    /// changes nothing. Answers what the batch owes.
    fn finish(&self, finish: Finish) -> BoxFuture<'_, Result<Option<Owed>, PortError>>;

    /// Remembers that a batch's callback was sent.
    fn paid(&self, batch: BatchId) -> BoxFuture<'_, Result<(), PortError>>;

    /// The callbacks that are owed although nobody is on the way with them, for a sweep.
    fn owed(&self) -> BoxFuture<'_, Result<Vec<Owed>, PortError>>;

    /// The rows of parcels, where there are any.
    fn rows(&self, parcels: Vec<ParcelId>) -> BoxFuture<'_, Result<Vec<Option<Row>>, PortError>>;

    /// The row of the root parcel that holds a call, once it was claimed.
    fn root_of(&self, call: TaskId) -> BoxFuture<'_, Result<Option<Row>, PortError>>;

    /// What a call returned, if that is recorded.
    fn result_of(&self, call: TaskId) -> BoxFuture<'_, Result<Option<Bytes>, PortError>>;

    /// The failed attempts of a call, oldest first.
    fn history(&self, call: TaskId) -> BoxFuture<'_, Result<Vec<Failure>, PortError>>;
}
