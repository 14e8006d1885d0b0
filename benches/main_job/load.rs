//! The load: a task that does nothing, with arguments of 100 bytes that look like a mail's.

use std::sync::atomic::{AtomicU64, Ordering};

use celeriac::task;

/// Does nothing.
#[task(concurrency = 4096, timeout = "60s")]
pub(crate) async fn noop(payload: String) {
    std::hint::black_box(payload);
}

/// How many calls of [`count`] have run in this process.
pub(crate) static RAN: AtomicU64 = AtomicU64::new(0);

/// Counts its runs.
#[task(concurrency = 4096, timeout = "60s")]
pub(crate) async fn count(payload: String) {
    std::hint::black_box(payload);
    RAN.fetch_add(1, Ordering::Relaxed);
}

/// A call's arguments.
pub(crate) fn payload(n: u64) -> String {
    measure::payload(n, 100)
}
