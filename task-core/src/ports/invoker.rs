//! The launcher of workers.

use futures::future::BoxFuture;

use super::{Delivery, PortError};

/// One run of a worker: the parcels it is handed, with the receipts of their messages.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The deliveries, whole: the worker needs the bodies to run them and the receipts to settle them.
    pub deliveries: Vec<Delivery>,
}

/// Why an invocation was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// There is no room: try again later. The deliveries were not handed on.
    #[error("no worker is free")]
    Throttled,
    /// It did not happen. The deliveries were not handed on.
    #[error(transparent)]
    Failed(PortError),
    /// It may have happened. The deliveries stay hidden until their time ends: then whoever finds them sees in the
    /// ledger whether they ran.
    #[error(transparent)]
    Unknown(PortError),
}

/// Launches workers and does not wait for them to end.
pub trait Invoker: Send + Sync + 'static {
    /// Waits until at least one more invocation may be outstanding, and says how many may. One takes its room when its
    /// [`invoke`](Self::invoke) is first polled: others are asked for while it is on its way.
    fn room(&self) -> BoxFuture<'_, usize>;

    /// Hands an invocation to a worker; `Ok` once it is accepted.
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<(), InvokeError>>;
}

/// An invoker whose invocations count against a cap over all dispatchers.
pub trait Launcher: Invoker {
    /// How many more may be launched now, up to `most`: they count as outstanding from now on.
    fn reserve(&self, most: usize) -> BoxFuture<'_, Result<usize, PortError>>;

    /// What was reserved and is not launched may be launched by others.
    fn give_back(&self) -> BoxFuture<'_, ()>;

    /// An invocation has died that was counted under this minute.
    fn release(&self, minute: u64) -> BoxFuture<'_, ()>;
}
