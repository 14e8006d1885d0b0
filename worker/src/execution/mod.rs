//! The run of a parcel's calls: in sequences on the worker's own threads, behind a panic guard, within limits, and in
//! careful mode after a worker has died.

mod call_driver;
mod careful;
mod overdue;
mod parcel_run;
mod permits;
mod reports;
mod run_state;
mod seats;
mod sequence;
mod sequence_driver;
mod start;
mod starting;
mod suspended;
mod threads;
mod time_budget;
mod user_code;
mod watchdog;

pub(crate) use {
    careful::Careful,
    parcel_run::ParcelRun,
    permits::Limits,
    reports::Ending,
    run_state::{BlockingCalls, RunState},
    start::Start,
    threads::{MAX_GIVEN_UP, PollThreads},
    watchdog::Watchdog,
};
