//! The limits of a dispatcher.

use std::sync::Arc;

use celeriac_core::planner::MAX_PARCELS;

/// The limits of a dispatcher.
#[derive(Clone, Debug)]
pub struct DispatcherOptions {
    /// The queues it serves.
    pub queues: Vec<Arc<str>>,
    /// The most messages it asks for at once, in each lane. Defaults to 64. Celery: `worker_prefetch_multiplier`.
    pub receive: usize,
    /// How long it waits for a first message before it asks again, in milliseconds. Stopping takes as long. Defaults to
    /// 500.
    pub wait_ms: u64,
    /// Once the parcels of a lane that are being launched have this many bytes, it receives no more of that lane until
    /// some are launched. Each parcel
    /// is in memory about three times: as received, as sent, and in the buffers of its connection. Defaults to 48 MiB.
    /// Celery has no such option.
    pub bytes: usize,
    /// The most parcels of one invocation. Defaults to 10.
    pub parcels: usize,
    /// The most work of one invocation, in milliseconds, as estimated in its parcels' headers. A parcel with more work
    /// travels alone. Defaults to a minute.
    pub work_ms: u64,
    /// How long a message is hidden after a refused invocation, in milliseconds. Doubled with each receive, up to a
    /// minute, and after a hundred receives up to a quarter of an hour. Defaults to 1,000.
    pub refused_ms: u64,
}

impl DispatcherOptions {
    /// The defaults for these queues.
    pub fn new(queues: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        Self {
            queues: queues.into_iter().map(Into::into).collect(),
            receive: 64,
            wait_ms: 500,
            bytes: 48 << 20,
            parcels: MAX_PARCELS as usize,
            work_ms: 60_000,
            refused_ms: 1_000,
        }
    }
}
