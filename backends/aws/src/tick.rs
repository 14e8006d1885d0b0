//! Ticks: EventBridge Scheduler reports that a scheduled task is due, and the receiver makes the parcel. The parcel's
//! id and bytes follow from schedule and time: a tick that is delivered twice is one run.

use bytes::Bytes;

use celeriac_core::{scheduler, task::Registry};

/// The parcel of a run; `None` if this program has no such task, as during a deploy.
pub(super) fn parcel(registry: Option<&Registry>, task: &str, due_ms: u64) -> Option<Bytes> {
    let def = registry?.get(task)?;
    let (id, message) = scheduler::run(def, due_ms, due_ms);
    tracing::debug!(task, %id, due_ms, "a scheduled run is due");
    Some(message.body)
}
