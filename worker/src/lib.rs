//! The worker: it claims parcels, runs their calls, records what became of them, and settles. It knows the ports and
//! the parcel protocol, never which backend is behind them.

mod backoff;
mod book;
mod careful;
mod checkpoint;
mod crew;
mod error;
mod floor;
mod heartbeat;
mod held;
mod lane;
mod narrow;
mod options;
mod park;
mod perform;
mod pool;
mod retries;
mod run;
mod seat;
mod tenure;
mod verdict;
mod watchdog;
mod worker;

pub use error::WorkerError;
pub use narrow::narrow;
pub use options::WorkerOptions;
pub use pool::Pool;
pub use worker::Worker;
