//! The ports to the outside world: a message queue, a ledger, a launcher of workers, time, randomness and threads.
//! Dispatcher and worker know nothing else about where they run. A backend is one set of adapters, and every adapter
//! passes the conformance suite of its port.
//!
//! Ports are batch first with a result per item, because batches fail in part. They are object safe and have no default
//! methods, so that a decorator (faults, latency, counting) sees every call. Their futures run on any executor: an
//! adapter that needs a reactor for its connections brings its own.

mod atomic;
mod batches;
mod blocking;
mod clock;
mod dead_letters;
mod entries;
mod error;
mod invoker;
pub mod layers;
mod ledger;
mod queue;
mod schedules;
mod tally;
mod timer;

use std::sync::Arc;

pub use atomic::{Accept, Atomic, Settling};
pub use batches::{BatchRecord, Batches, NewBatch};
pub use blocking::{Blocking, Threads};
pub use clock::{Clock, Entropy, SystemClock, SystemEntropy, utc};
pub use dead_letters::{DeadLetter, DeadLetters, DeadQuery, Reason, Removal};
pub use entries::{Entry, entries};
pub use error::{BoxError, PortError, SendError};
pub use invoker::{Invocation, InvokeError, Invoker, Launcher};
pub use ledger::{
    Checkpoint, ChildPlan, Claim, ClaimRequest, Claimed, Failure, Finish, Ledger, Owed, Record, ResultRow, Row,
    RowState, Seal, Window,
};
pub use queue::{Delivery, Depth, LaneLoop, Lanes, Outgoing, Queue, Receipt, Receive, Settle, Settlement, Turns};
pub use schedules::Schedules;
pub use tally::{Counts, Tally};
pub(crate) use timer::Blocked;
pub use timer::blocks_here;

/// The ports that a backend provides to client, dispatcher and worker.
#[derive(Clone)]
pub struct Ports {
    /// Messages: the durable copy of each parcel until it is finished.
    pub queue: Arc<dyn Queue>,
    /// Which worker runs a parcel, and which of its calls are done.
    pub ledger: Arc<dyn Ledger>,
    /// The records of batches.
    pub batches: Arc<dyn Batches>,
    /// Calls that will not be tried again.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Which runs of a schedule have been sent.
    pub schedules: Arc<dyn Schedules>,
    /// Steps that this backend does in one write, if it can.
    pub atomic: Option<Arc<dyn Atomic>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Random bits.
    pub entropy: Arc<dyn Entropy>,
    /// Threads for blocking tasks.
    pub blocking: Arc<dyn Blocking>,
    /// The backend's costs and limits.
    pub profile: Profile,
    /// The URL of the store as every process of this machine may write it: a file has its absolute path. `None` where it
    /// has none.
    pub url: Option<Arc<str>>,
}

/// A backend's costs and limits, as numbers that guide client, dispatcher and worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The most bytes of one message. A larger parcel is split; a single call that is larger is refused.
    pub message_bytes: usize,
    /// The most bytes of a message with one call: the same, or more if the backend stores larger bodies elsewhere.
    pub call_bytes: usize,
    /// How often a worker records its verdicts. Unrecorded calls may run again after a crash.
    pub checkpoint_ms: u64,
    /// Retries that are due within this time of each other, or within half the wait of the first one, share a parcel; 0
    /// allows as many parcels as possible. The cost of a parcel decides it.
    pub gather_ms: u64,
    /// Whether the queue keeps its lanes apart.
    pub lanes: Lanes,
    /// How long a dispatcher waits for a first message before it asks again, in milliseconds. Stopping takes as long.
    pub wait_ms: u64,
    /// How long a claim, and the hiding of its message, lasts unless renewed.
    pub lease_ms: u64,
    /// Once the parcels of one send have this many bytes, no more are added: enough to share the cost of a send, and
    /// few enough not to delay others. A `fan_out` reads as much while the previous send is in flight, and no more.
    pub send_bytes: usize,
    /// Once this many bytes of arguments wait to be sent, further `delay`s wait until a send has taken them.
    pub buffer_bytes: usize,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports").field("url", &self.url).field("profile", &self.profile).finish_non_exhaustive()
    }
}
