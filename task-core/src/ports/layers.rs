//! Ports on top of ports: a decorator writes the methods that it changes, and the others forward to the port below.
//!
//! The ports themselves have no default methods, so that an adapter cannot forget one. A layer has default methods, and
//! is still a complete port: if a port gains a method, nothing compiles until it is in the list here, and then every
//! layer forwards it.

use bytes::Bytes;
use futures::future::BoxFuture;

use super::{
    Accept, Atomic, BatchRecord, Batches, Checkpoint, Claim, ClaimRequest, DeadLetter, DeadLetters, DeadQuery,
    Delivery, Depth, Failure, Finish, Ledger, NewBatch, Outgoing, Owed, PortError, Queue, Receive, Record, Removal,
    Row, Schedules, Seal, SendError, Settlement, Settling,
};
use crate::id::{BatchId, ParcelId, TaskId};

/// Declares a trait with the methods of a port. Each method forwards unless it is overridden. Types with the trait
/// implement the port.
macro_rules! layer {
    ($(#[$doc:meta])* $Layer:ident of $Port:ident {
        $(fn $method:ident(&self $(, $arg:ident: $Arg:ty)*) -> $Answer:ty;)*
    }) => {
        $(#[$doc])*
        pub trait $Layer: Send + Sync + 'static {
            /// The port below.
            fn inner(&self) -> &dyn $Port;

            $(
                #[doc = concat!("[`", stringify!($Port), "::", stringify!($method), "`]. Forwards to the port below.")]
                fn $method(&self $(, $arg: $Arg)*) -> BoxFuture<'_, $Answer> {
                    self.inner().$method($($arg),*)
                }
            )*
        }

        impl<T: $Layer> $Port for T {
            $(
                fn $method(&self $(, $arg: $Arg)*) -> BoxFuture<'_, $Answer> {
                    $Layer::$method(self $(, $arg)*)
                }
            )*
        }
    };
}

layer! {
    /// A queue on top of another.
    QueueLayer of Queue {
        fn send(&self, messages: Vec<Outgoing>) -> Vec<Result<(), SendError>>;
        fn receive(&self, request: Receive) -> Result<Vec<Delivery>, PortError>;
        fn settle(&self, settlements: Vec<Settlement>) -> Vec<Result<(), PortError>>;
        fn depths(&self) -> Result<Vec<Depth>, PortError>;
    }
}

layer! {
    /// A ledger on top of another.
    LedgerLayer of Ledger {
        fn claim(&self, requests: Vec<ClaimRequest>) -> Vec<Result<Claim, PortError>>;
        fn checkpoint(&self, checkpoints: Vec<Checkpoint>) -> Vec<Result<(), PortError>>;
        fn seal(&self, parcel: ParcelId, epoch: u64, record: Record, seal: Seal) -> Result<(), PortError>;
        fn finish(&self, finish: Finish) -> Result<Option<Owed>, PortError>;
        fn paid(&self, batch: BatchId) -> Result<(), PortError>;
        fn owed(&self) -> Result<Vec<Owed>, PortError>;
        fn rows(&self, parcels: Vec<ParcelId>) -> Result<Vec<Option<Row>>, PortError>;
        fn root_of(&self, call: TaskId) -> Result<Option<Row>, PortError>;
        fn result_of(&self, call: TaskId) -> Result<Option<Bytes>, PortError>;
        fn history(&self, call: TaskId) -> Result<Vec<Failure>, PortError>;
    }
}

layer! {
    /// Records of batches on top of others.
    BatchesLayer of Batches {
        fn open(&self, batch: NewBatch) -> Result<BatchRecord, PortError>;
        fn accepted(&self, id: BatchId, from: u64, upto: u64) -> Result<(), PortError>;
        fn close(&self, id: BatchId, now_ms: u64) -> Result<Option<Owed>, PortError>;
        fn revoke(&self, id: BatchId) -> Result<bool, PortError>;
        fn reinstate(&self, id: BatchId) -> Result<bool, PortError>;
        fn get(&self, id: BatchId) -> Result<Option<BatchRecord>, PortError>;
        fn list(&self, limit: usize) -> Result<Vec<BatchRecord>, PortError>;
    }
}

layer! {
    /// Dead letters on top of others.
    DeadLettersLayer of DeadLetters {
        fn list(&self, query: DeadQuery) -> Result<Vec<DeadLetter>, PortError>;
        fn get(&self, id: TaskId) -> Result<Option<DeadLetter>, PortError>;
        fn remove(&self, letters: Vec<(TaskId, u64)>, removal: Removal) -> Result<u64, PortError>;
    }
}

layer! {
    /// A memory of schedules on top of another.
    SchedulesLayer of Schedules {
        fn last(&self, schedule: &str) -> Result<Option<u64>, PortError>;
        fn sent(&self, schedule: &str, due_ms: u64) -> Result<(), PortError>;
    }
}

layer! {
    /// Steps in one write on top of others.
    AtomicLayer of Atomic {
        fn accept(&self, accept: Accept) -> Result<(), SendError>;
        fn settle(&self, settling: Settling) -> Result<(), PortError>;
    }
}
