//! Runs the conformance suite on the store in memory.

use std::{process::ExitCode, sync::Arc};

use celeriac_conformance::{Case, ManualClock, World};
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let trials = celeriac_conformance::all().map(|case| Trial::test(case.name, move || run(case))).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(case: Case) -> Result<(), libtest_mimic::Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    runtime.block_on((case.run)(World::new(celeriac_memory::ports(clock.clone()), clock, ())));
    Ok(())
}
