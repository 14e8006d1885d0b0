//! Lambda and SQS on one machine, fast enough to put load on their callers: a dispatcher, a client, workers. Dev only.
//!
//! It keeps the semantics that matter to a queue: visibility, receipts, long polls; events that are accepted at any
//! concurrency and then wait; duplicated, dropped and delayed events. It leaves out slow parts that show nothing:
//! signatures are not checked, checksums not computed. [`Faults`] inject latency and faults by a seed. Its counters use
//! the machine's monotonic clock ([`now_ns`]), so that other processes can compare.
//!
//! A [`Host`] answers on one address:
//!
//! | request | what |
//! | --- | --- |
//! | `POST /2015-03-31/functions/NAME/invocations` | Lambda's Invoke, `Event` and `RequestResponse` |
//! | `X-Amz-Target: AmazonSQS.ACTION` | SQS in its JSON protocol |
//! | `/stats` | the [`Stats`] |
//! | `/reset` | the same, and all counters start again |
//! | `PUT /faults` | other [`Faults`] from now on |
//!
//! Functions are closures ([`Runs::Stub`]) or programs that speak the Runtime API ([`Runs::Bootstrap`]).

mod api;
mod clock;
mod faults;
mod host;
mod lambda;
mod options;
mod reply;
mod secure;
mod server;
mod sqs;
mod stats;

pub use clock::now_ns;
pub use faults::Faults;
pub use host::Host;
pub use lambda::{Bootstrap, ColdStart, Failure, Function, Runs, Stub, cold_start, first_poll};
pub use options::{HostOptions, Mapping};
pub use stats::{Mark, Stats};
