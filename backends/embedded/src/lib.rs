//! The embedded backend: every store of Celeriac in one SQLite file, shared safely and fairly by the processes of one
//! machine.
//!
//! One thread per process writes. It takes all operations that wait, runs them in one transaction and answers them
//! when it is on the disk: the cost of a sync is shared by everyone who waits for it. Processes take turns through
//! a turnstile of two file locks. Reads have a thread of their own, and a third one keeps the write-ahead log short.
//!
//! It refuses network file systems: their locks and their shared memory do not hold what SQLite needs of them.

#![allow(
    clippy::cast_possible_wrap,
    reason = "SQLite's integers are signed: counts and indexes are far below their end, and random numbers may wrap"
)]

mod atomic;
mod batch_rows;
mod batches;
mod checkpointer;
mod committer;
mod dead_letters;
mod error;
mod file_system;
mod in_hand;
mod ledger;
mod liveness;
mod messages;
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
mod writer;

pub use error::OpenError;
pub use open::{Options, open, open_with};
pub use url::SCHEME;
