//! Runs the conformance suite on the AWS backend. The local AWS has one clock, which follows that of the running case:
//! so one case runs at a time, each on its own stack.

use std::{
    process::ExitCode,
    sync::{Arc, LazyLock},
};

use aws_tests::{LocalAws, Ministack, config, create_stack, trial, with_credentials};
use celeriac_aws::{Options, Settings};
use celeriac_conformance::{Case, ManualClock, World};
use libtest_mimic::{Arguments, Failed};

/// The queues that cases name.
const QUEUES: &[&str] = &["mail", "urgent", "bulk", "other"];

static AWS: LazyLock<LocalAws> = LazyLock::new(LocalAws::with_virtual_time);

fn main() -> ExitCode {
    with_credentials();
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let cases = celeriac_conformance::all().enumerate();
    let trials =
        cases.map(|(k, case)| trial("conformance", case.name, move || run(case, &format!("case-{k}")))).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn run(case: Case, stack: &str) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        create_stack(&config(AWS.endpoint()).await, stack, QUEUES).await;
        let clock = Arc::new(ManualClock::with_follower(1_700_000_000_000, |now_ms| AWS.set_time(now_ms)));
        let settings = Settings {
            region: Some(Ministack::REGION.to_owned()),
            endpoint: Some(AWS.endpoint().to_owned()),
            bucket: Some(stack.to_owned()),
            ..Settings::new(stack.parse()?)
        };
        let ports = celeriac_aws::open_with(settings, Options::default().clock(clock.clone()))?;
        (case.run)(World::new(ports, clock, ())).await;
        Ok(())
    })
}
