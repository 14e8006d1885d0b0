//! The contracts with the world: a message queue, a ledger, a launcher of workers, time, randomness and threads.
//! Dispatcher and worker know nothing else of where they run. A backend is one set of adapters; every adapter
//! passes the conformance suite of its port.
//!
//! Ports are batch first with a result per item, because batches fail in part. They are object safe and have no
//! default methods, so that a decorator (faults, latency, counting) sees every call. Their futures run on any
//! executor: an adapter that needs a reactor for its connections brings its own.

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
    RowState, Seal, Tally, Window,
};
pub use queue::{Delivery, Depth, Outgoing, Queue, Receipt, Receive, Settle, Settlement, Turns};
pub use schedules::Schedules;
pub(crate) use timer::Blocked;

/// What a backend gives to client, dispatcher and worker.
#[derive(Clone)]
pub struct Ports {
    /// Messages: the durable copy of each parcel until it is finished.
    pub queue: Arc<dyn Queue>,
    /// Who runs which parcel, and what of it is done.
    pub ledger: Arc<dyn Ledger>,
    /// The records of batches.
    pub batches: Arc<dyn Batches>,
    /// Calls that will not be tried again.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Which runs of a schedule have been sent.
    pub schedules: Arc<dyn Schedules>,
    /// Steps that this backend does in one write, where it can.
    pub atomic: Option<Arc<dyn Atomic>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Random bits.
    pub entropy: Arc<dyn Entropy>,
    /// Threads for blocking tasks.
    pub blocking: Arc<dyn Blocking>,
    /// How the backend wants to be used.
    pub profile: Profile,
    /// The URL of the store as every process of this machine may write it: a file has its absolute path. `None` where it
    /// has none.
    pub url: Option<Arc<str>>,
}

/// What is cheap and what is dear on a backend, in the numbers that client, dispatcher and worker go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The most bytes of one message. A parcel that would be larger is split, a call that alone would be is refused.
    pub message_bytes: usize,
    /// The most bytes of one call's message: as many, or more where what is too large for a message has another place.
    pub call_bytes: usize,
    /// How often a worker records the verdicts it has. What it has not recorded may run again after a crash.
    pub checkpoint_ms: u64,
    /// Calls to be tried again that are due within this time of each other, or within half of what the first of them
    /// waits, share a parcel; 0 for as many parcels as there may be. What a parcel costs decides it.
    pub gather_ms: u64,
    /// How long a dispatcher waits for a first message before it asks again, in milliseconds; stopping waits as long.
    pub wait_ms: u64,
    /// How long a claim, and the hiding of its message, lasts unless renewed.
    pub lease_ms: u64,
    /// Once the parcels of one send have so many bytes, no more go with it: enough to share its cost, and not so many that
    /// others wait for it. A `fan_out` reads as much while the send before is on its way, and no more.
    pub send_bytes: usize,
    /// Once arguments of so many bytes wait to be sent, further `delay`s wait too, until a send has taken them.
    pub buffer_bytes: usize,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports").field("url", &self.url).field("profile", &self.profile).finish_non_exhaustive()
    }
}
