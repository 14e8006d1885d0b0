//! The worker: it claims parcels, runs their calls, records what became of them, and settles. It knows the ports and
//! the parcel protocol, never which backend is behind them.
//!
//! The way of an invocation: `run` opens and claims its parcels, `perform` brings the calls of each to their
//! verdicts, and `run` settles what that leaves. Within a run:
//!
//! | word | what it is |
//! | --- | --- |
//! | `tenure` | the claim while it is held: its `lease`, and the recording that is on its way |
//! | `floor` | what the run shares with the threads that poll its calls |
//! | `lane` | polls calls once, one after the other; most end there and leave no trace |
//! | `seat` | a call that did not end at its first poll, until it ends or is cut |
//! | `crew` | the threads that poll; the `watchdog` says which call blocks one |
//! | `answer` | what a call answered, without any code of the user's in it |
//! | `permits` | how many calls run at a time |
//! | `book` | what is known of each call, and what is to be recorded (`recorder`) or sent on (`retries`) |
//! | `park` | what becomes of parcels that are not run |

mod answer;
mod backoff;
mod book;
mod careful;
mod crew;
mod error;
mod floor;
mod held;
mod lane;
mod lease;
mod narrow;
mod options;
mod park;
mod perform;
mod permits;
mod pool;
mod ran;
mod recorder;
mod retries;
mod run;
mod seat;
mod tenure;
mod verdict;
mod watchdog;
mod worker;

pub use error::WorkerError;
pub use lease::AFTER_DEADLINE_MS;
pub use narrow::narrow;
pub use options::WorkerOptions;
pub use pool::Pool;
pub use ran::Ran;
pub use worker::Worker;
