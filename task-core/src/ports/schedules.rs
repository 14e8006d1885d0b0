//! The port that remembers which runs of a schedule have been sent. Double runs are prevented elsewhere: the id of
//! a run's parcel follows from schedule and time, so the ledger runs it once even if several processes send it.

use futures::future::BoxFuture;

use super::PortError;

/// Remembers schedules over restarts.
pub trait Schedules: Send + Sync + 'static {
    /// The due time of the latest run that has been sent, in milliseconds since 1970.
    fn last(&self, schedule: &str) -> BoxFuture<'_, Result<Option<u64>, PortError>>;

    /// Records that the run due at `due_ms` has been sent. The recorded time never goes back.
    fn sent(&self, schedule: &str, due_ms: u64) -> BoxFuture<'_, Result<(), PortError>>;
}
