//! The embedded backend: the whole store in one SQLite file, shared safely and fairly by the processes of one machine.
//!
//! One thread per process writes. It takes all waiting operations, runs them in one transaction and answers them when
//! they are on the disk, so that they share the cost of a sync. Processes take turns through a turnstile of two file
//! locks. Another thread reads, and a third one keeps the write-ahead log short.
//!
//! It refuses network file systems, whose locks and shared memory do not meet SQLite's needs. It also refuses a file
//! with two names, since each name would have its own log.

#![allow(
    clippy::cast_possible_wrap,
    reason = "SQLite's integers are signed: counts and indexes are far below their end, and random numbers may wrap"
)]

mod arrivals;
mod atomic;
mod batch_rows;
mod batches;
mod bell;
mod checkpointer;
mod committer;
mod dead_letters;
mod error;
mod file_system;
mod folder;
mod format;
mod in_hand;
mod ledger;
mod liveness;
mod lulls;
mod messages;
mod names;
mod open;
mod parcels;
mod place;
mod queue;
mod reader;
mod records;
mod schedules;
mod schema;
mod store;
mod tally;
mod transaction;
mod turnstile;
mod url;
mod version;
mod watcher;
mod writer;

use std::path::{Path, PathBuf};

pub use error::OpenError;
pub use open::{Options, open, open_with};
pub use url::SCHEME;

/// A path next to the file, such as `celeriac.db-wal` or `celeriac.db-locks`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}
