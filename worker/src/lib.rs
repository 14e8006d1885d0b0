//! The worker: it claims parcels, runs their calls, records what became of them, and settles the parcels. It knows the
//! ports and the parcel protocol, but not which backend is behind them.
//!
//! `claim` asks the ledger for the parcels of an invocation and holds those that it gets. `execution` runs their calls.
//! `outcome` says what became of each call. `settlement` settles each parcel. `invocation` leads from one to the next.
//!
//! | word | what it is |
//! | --- | --- |
//! | `HeldClaim` | a claim while a run holds it: its `Lease`, and the write in flight |
//! | `OwnParcels` | the parcels that this worker is handling, so that it takes none twice |
//! | `put_back`, `refusal` | what becomes of parcels that cannot run now, and of those that must not run at all |
//! | `ParcelRun` | the run of one parcel's calls; it polls none of them itself |
//! | `RunState` | the state that a run shares with the threads that poll its calls |
//! | `user_code` | where the user's function is called |
//! | `Sequence` | calls that are polled once, one after the other; most end at that poll and leave no trace |
//! | `SuspendedCall` | a call that did not end at its first poll, until it ends or is cut |
//! | `PollThreads` | the threads that poll calls; the `Watchdog` says which call blocks one |
//! | `Permits` | how many calls run at a time |
//! | `Careful` | says which calls to mark after a worker has died, to find the call that killed it |
//! | `Answer` | what a call returned, as plain data without user code |
//! | `verdict` | what the end of an attempt means for its call |
//! | `Outcomes` | the state of each call |
//! | `Recorder` | the verdicts that are not recorded yet |
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
pub use outcome::{Report, Settled, Summary};
pub use pool::Pool;
pub use worker::Worker;
