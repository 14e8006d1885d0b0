//! Ticks: EventBridge Scheduler says that a scheduled task is due, whoever receives that makes the parcel. Its id
//! follows from schedule and time, and so do its bytes: a tick that is delivered twice is one run.

use bytes::Bytes;

use celeriac_core::{scheduler, task::Registry};

/// The parcel of a run; `None` if this program has no such task: a deploy may be under way.
pub(super) fn parcel(registry: Option<&Registry>, task: &str, due_ms: u64) -> Option<Bytes> {
    let def = registry?.get(task)?;
    let (id, message) = scheduler::run(def, due_ms, due_ms);
    tracing::debug!(task, %id, due_ms, "a scheduled run is due");
    Some(message.body)
}
