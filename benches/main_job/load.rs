//! The load: a task that does nothing, with arguments of 100 bytes that look like a mail's.

use celeriac::task;

/// Does nothing.
#[task(concurrency = 4096, timeout = "60s")]
pub(crate) async fn noop(payload: String) {
    std::hint::black_box(payload);
}

/// A call's arguments.
pub(crate) fn payload(n: u64) -> String {
    measure::payload(n, 100)
}
