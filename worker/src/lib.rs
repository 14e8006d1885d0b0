//! The worker: it claims parcels, runs their calls, records what became of them, and settles. It knows the ports and
//! the parcel protocol, never which backend is behind them.

mod narrow;
mod options;
mod pool;
mod worker;

pub use narrow::narrow;
pub use options::WorkerOptions;
pub use pool::Pool;
pub use worker::Worker;
