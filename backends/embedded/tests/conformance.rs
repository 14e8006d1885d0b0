//! Runs the conformance suite on the embedded backend.

use std::{process::ExitCode, sync::Arc};

use celeriac_conformance::{Case, ManualClock, World};
use celeriac_embedded::Options;
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let trials = celeriac_conformance::all().map(|case| Trial::test(case.name, move || run(case))).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(case: Case) -> Result<(), libtest_mimic::Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let directory = tempfile::tempdir()?;
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let options = Options::default().clock(clock.clone());
    let ports = celeriac_embedded::open_with(&directory.path().join("celeriac.db"), options)?;
    runtime.block_on((case.run)(World::new(ports, clock, directory)));
    Ok(())
}
