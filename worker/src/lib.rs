//! The worker: it claims parcels, runs their calls, records what became of them, and settles. It knows the ports and
//! the parcel protocol, never which backend is behind them.
//!
//! An invocation passes through three folders. `claim` asks the ledger for its parcels and holds those that it gets,
//! `execution` runs their calls, `outcome` says what became of each call, and `settlement` settles each parcel.
//! `invocation` leads from one to the next.
//!
//! | word | what it is |
//! | --- | --- |
//! | `HeldClaim` | a claim while it is held: its `Lease`, and the write that is on its way |
//! | `OwnParcels` | the parcels that this worker has in hand, so that it takes none twice |
//! | `put_back`, `refusal` | what becomes of parcels that are not run: now, or at all |
//! | `ParcelRun` | the run of one parcel's calls; it polls none of them itself |
//! | `RunState` | what a run shares with the threads that poll its calls |
//! | `user_code` | where the user's function is called |
//! | `Sequence` | calls that are polled once, one after the other; most end there and leave no trace |
//! | `SuspendedCall` | a call that did not end at its first poll, until it ends or is cut |
//! | `PollThreads` | the threads that poll calls; the `Watchdog` says which call blocks one |
//! | `Permits` | how many calls run at a time |
//! | `Careful` | which calls to mark after a worker has died, to find the one that killed it |
//! | `Answer` | what a call answered, without any code of the user's in it |
//! | `verdict` | what the end of an attempt means for its call |
//! | `Outcomes` | what is known of each call |
//! | `Recorder` | the verdicts that are to be recorded |
//! | `HandedOn` | a call that goes on in a child parcel |

mod claim;
mod error;
mod execution;
mod invocation;
mod narrow;
mod options;
mod outcome;
mod pool;
mod settlement;
mod worker;

pub use claim::AFTER_DEADLINE_MS;
pub use error::WorkerError;
pub use narrow::narrow;
pub use options::WorkerOptions;
pub use outcome::Summary;
pub use pool::Pool;
pub use worker::Worker;
