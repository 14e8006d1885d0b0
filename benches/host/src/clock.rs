//! The clock of a host.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of the machine's monotonic clock. All processes of a machine share it, so times that two of them noted
/// can be subtracted.
pub fn now_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// Milliseconds since 1970, for the services' answers.
pub(crate) fn epoch_ms() -> u64 {
    let time = clock_gettime(ClockId::Realtime);
    time.tv_sec.unsigned_abs() * 1000 + time.tv_nsec.unsigned_abs() / 1_000_000
}
