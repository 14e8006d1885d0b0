//! Runs the conformance suite on the simulated services, with the steps that are one write and without.

use std::{process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Trial};
use task_core::{
    conformance::{self, Case, ManualClock, World},
    planner,
    ports::Threads,
    sim::in_memory,
};

fn main() -> ExitCode {
    let with = |atomic: bool| {
        let name = if atomic { "atomic" } else { "in steps" };
        conformance::all().map(move |case| Trial::test(format!("{} {name}", case.name), move || run(case, atomic)))
    };
    libtest_mimic::run(&Arguments::from_args(), with(true).chain(with(false)).collect()).exit_code()
}

fn run(case: Case, atomic: bool) -> Result<(), libtest_mimic::Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let ports = in_memory(clock.clone(), Arc::new(Threads), 1, planner::PROFILE, atomic);
    runtime.block_on((case.run)(World::new(ports, clock, ())));
    Ok(())
}
