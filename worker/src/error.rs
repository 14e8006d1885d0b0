//! The reasons why a parcel or a call is not run. Dead letters and buried messages carry these texts.

use std::time::Duration;

use celeriac_core::{ports::utc, task::duration_text, wire::WireError};

use crate::invocation::MAX_HOPS;

/// Why a parcel is not run, or a call is not run again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The bytes of the message are not a parcel.
    #[error("this message is no parcel that this worker can read: {0}")]
    Undecodable(#[from] WireError),
    /// The program does not have the task.
    #[error(
        "no task `{task}` in this program, and for {} it did not get one: if it lives in another crate, write \
         `use my_tasks as _;` in the one with `main`, or the linker drops it; if it is new, deploy it to the \
         workers; then retry this dead letter", duration_text(*.waited)
    )]
    UnknownTask {
        /// The task.
        task: String,
        /// How long its parcel was kept.
        waited: Duration,
    },
    /// The parcel is older than the time for which its row is kept.
    #[error(
        "parcel {parcel} of task `{task}` is too old to run: it was to be run before {}, and what has been done of it is no longer known",
        utc(*.not_after_ms)
    )]
    TooOld {
        /// The parcel.
        parcel: String,
        /// Its task.
        task: String,
        /// When it became too old, in milliseconds since 1970.
        not_after_ms: u64,
    },
    /// Its calls were handed on too often.
    #[error("handed on {hops} times, at most {MAX_HOPS}: does task `{task}` snooze without end?")]
    Hops {
        /// Its task.
        task: String,
        /// How often they were handed on.
        hops: u32,
    },
    /// Its batch was revoked.
    #[error("its batch was revoked before it ran")]
    Revoked,
    /// It was not started in time.
    #[error("not started before it expired, at {}", utc(*.expires_ms))]
    Expired {
        /// When it expired, in milliseconds since 1970.
        expires_ms: u64,
    },
    /// The call kills its workers.
    #[error("its worker died {deaths} times while it ran alone: out of memory, a stack overflow, an abort or a kill")]
    Crashed {
        /// How many died.
        deaths: u32,
    },
    /// Its worker died, and it must not run twice.
    #[error(
        "its worker died while it ran, or just before: task `{task}` is `at_most_once`, so it is not run again; look whether it has done its work, then retry or drop this dead letter"
    )]
    MayHaveRun {
        /// Its task.
        task: String,
    },
}
