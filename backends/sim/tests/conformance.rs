//! Runs the conformance suite on the simulated services, with and without combined steps.

use std::{process::ExitCode, sync::Arc};

use celeriac_conformance::{Case, ManualClock, World};
use celeriac_core::{planner, ports::Threads};
use celeriac_sim::{Steps, in_memory};
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let with = |steps: Steps, name: &'static str| {
        celeriac_conformance::all()
            .map(move |case| Trial::test(format!("{} {name}", case.name), move || run(case, steps)))
    };
    let trials = with(Steps::InOneWrite, "atomic").chain(with(Steps::OneByOne, "in steps"));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn run(case: Case, steps: Steps) -> Result<(), libtest_mimic::Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let ports = in_memory(clock.clone(), Arc::new(Threads), 1, planner::PROFILE, steps);
    runtime.block_on((case.run)(World::new(ports, clock, ())));
    Ok(())
}
