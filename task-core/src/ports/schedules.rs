//! Which runs of a schedule have been sent. Whether one runs twice is not decided here: its parcel has an id that
//! follows from schedule and time, so that the ledger runs it once, whoever sends it.

use futures::future::BoxFuture;

use super::PortError;

/// The memory of schedules over restarts.
pub trait Schedules: Send + Sync + 'static {
    /// When the latest run was due that has been sent, in milliseconds since 1970.
    fn last(&self, schedule: &str) -> BoxFuture<'_, Result<Option<u64>, PortError>>;

    /// Remembers that the run due at `due_ms` has been sent. Never goes back.
    fn sent(&self, schedule: &str, due_ms: u64) -> BoxFuture<'_, Result<(), PortError>>;
}
