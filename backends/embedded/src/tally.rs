//! Reads and writes the eight columns of a tally.

use rusqlite::Row;

use celeriac_core::ports::Tally;

/// The columns, in the order of [`values`].
macro_rules! columns {
    () => {
        "succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries"
    };
}
pub(super) use columns;

/// The values of the columns.
pub(super) fn values(tally: &Tally) -> [i64; 8] {
    let Tally { succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries } = *tally;
    [succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries].map(|count| count as i64)
}

/// Reads the columns from `at` on. The caller adds up negative counts, which a batch has for a while when a call that
/// died in an unfinished parcel is retried.
pub(super) fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<[i64; 8]> {
    let mut counts = [0; 8];
    for (offset, count) in counts.iter_mut().enumerate() {
        *count = row.get(at + offset)?;
    }
    Ok(counts)
}

/// The tally with these counts.
pub(super) fn of(counts: [i64; 8]) -> Tally {
    let [succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries] =
        counts.map(|count| count.max(0) as u64);
    Tally { succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries }
}

/// The sum of both.
pub(super) fn sum(a: [i64; 8], b: [i64; 8]) -> [i64; 8] {
    std::array::from_fn(|at| a[at] + b[at])
}
