//! Why a parcel, or a call, is not run: the sentences that end up in dead letters and in the queue's.

use std::time::Duration;

use celeriac_core::wire::WireError;

use crate::run::MAX_HOPS;

/// Why a parcel is not run, or a call not again.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The bytes of the message are no parcel.
    #[error("this message is no parcel that this worker can read: {0}")]
    Undecodable(#[from] WireError),
    /// The program does not have the task.
    #[error(
        "no task `{task}` in this program, and for {} it did not get one: if it lives in another crate, write \
         `use my_tasks as _;` in the one with `main`, or the linker drops it; if it is new, deploy it to the \
         workers; then retry this dead letter", text(*.waited)
    )]
    UnknownTask {
        /// The task.
        task: String,
        /// For how long its parcel was kept.
        waited: Duration,
    },
    /// The parcel is older than its row may be kept.
    #[error(
        "parcel {parcel} of task `{task}` is too old to run: it was to be run before {not_after_ms} (ms since 1970), and what has been done of it is no longer known"
    )]
    TooOld {
        /// The parcel.
        parcel: String,
        /// Its task.
        task: String,
        /// When it became too old.
        not_after_ms: u64,
    },
    /// Its calls were handed on too often.
    #[error("handed on {hops} times, at most {MAX_HOPS}: does task `{task}` snooze without end?")]
    Hops {
        /// Its task.
        task: String,
        /// How often.
        hops: u32,
    },
    /// Its batch was revoked.
    #[error("its batch was revoked before it ran")]
    Revoked,
    /// It was not started in time.
    #[error("not started before it expired, at {expires_ms} (ms since 1970)")]
    Expired {
        /// When it expired.
        expires_ms: u64,
    },
    /// It kills its workers.
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

/// A duration for people: `1h`, `90s`, `1.5s`, `20ms`.
pub(crate) fn text(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1000 => format!("{ms}ms"),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        _ => format!("{:.1}s", duration.as_secs_f64()),
    }
}
