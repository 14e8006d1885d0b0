//! The run of a parcel's calls: in sequences on the worker's own threads, behind a guard, under limits, and carefully
//! after a worker has died.

mod careful;
mod parcel_run;
mod permits;
mod run_state;
mod sequence;
mod suspended;
mod threads;
mod watchdog;

pub(crate) use {
    careful::Careful,
    parcel_run::{ParcelRun, ToSettle},
    permits::Limits,
    run_state::{Ending, RunState},
    suspended::Start,
    threads::{MAX_GIVEN_UP, PollThreads},
    watchdog::Watchdog,
};
