//! Reads and writes the eight columns of a tally.

use rusqlite::Row;

use celeriac_core::ports::Counts;

/// The columns, in the order of [`Counts`].
macro_rules! columns {
    () => {
        "succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries"
    };
}
pub(super) use columns;

/// Reads the columns from `at` on.
pub(super) fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Counts> {
    let mut counts = Counts::default();
    for (offset, count) in counts.0.iter_mut().enumerate() {
        *count = row.get(at + offset)?;
    }
    Ok(counts)
}
