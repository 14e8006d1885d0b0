//! The port that launches workers.

use futures::future::BoxFuture;

use super::{Delivery, PortError};
use crate::lane::Lane;

/// One run of a worker: its parcels, with the receipts of their messages.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The lane whose place it takes.
    pub lane: Lane,
    /// The complete deliveries: the worker needs the bodies to run them and the receipts to settle them.
    pub deliveries: Vec<Delivery>,
}

impl Invocation {
    /// An invocation with these deliveries. It takes a place of the bulk lane.
    pub fn of(deliveries: Vec<Delivery>) -> Self {
        Self { lane: Lane::Bulk, deliveries }
    }
}

/// Why an invocation was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// No capacity: try again later. The deliveries were not handed over.
    #[error("no worker is free")]
    Throttled,
    /// The workers of this function fail before they begin, so only one at a time is tried. The deliveries were not
    /// handed over.
    #[error(
        "the workers of `{function}` fail before they begin; one is tried every few minutes until they are mended, and \
         the parcels wait"
    )]
    Broken {
        /// The function.
        function: String,
    },
    /// It did not happen. The deliveries were not handed over.
    #[error(transparent)]
    Failed(PortError),
    /// It may have happened. The deliveries stay hidden until their time ends; the process that receives them next sees
    /// in the ledger whether they ran.
    #[error(transparent)]
    Unknown(PortError),
}

/// Launches workers without waiting for them to end.
pub trait Invoker: Send + Sync + 'static {
    /// Waits until at least one more invocation of this lane may be outstanding, and returns how many may. An invocation
    /// takes its capacity when its [`invoke`](Self::invoke) is first polled, and more may be asked for while it is in
    /// flight.
    fn room(&self, lane: Lane) -> BoxFuture<'_, usize>;

    /// Hands an invocation to a worker; `Ok` once it is accepted.
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<(), InvokeError>>;
}

/// An invoker whose invocations count against a cap over all dispatchers.
pub trait Launcher: Invoker {
    /// Reserves up to `most` more invocations, which count as outstanding from now on. Returns how many were granted.
    fn reserve(&self, most: usize) -> BoxFuture<'_, Result<usize, PortError>>;

    /// Releases reserved invocations that were not launched, so that others may launch them.
    fn give_back(&self) -> BoxFuture<'_, ()>;

    /// Records that an invocation has died that counted in this shard of the count under this minute.
    fn release(&self, minute: u64, shard: u8) -> BoxFuture<'_, ()>;
}
