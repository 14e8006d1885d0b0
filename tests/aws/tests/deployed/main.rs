//! Tests deployed stacks, and processes on a stack. These tests mostly wait, for leases, time limits and back-offs, so
//! all of them run at once, each with its own local AWS or one that a few share.

mod drills;
mod faults;
mod roles;
mod smoke;
mod stage;

use std::process::ExitCode;

use aws_tests::with_credentials;
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    with_credentials();
    let alone: [(&str, fn()); 7] = [
        ("smoke::a_deployed_stack_passes_the_smoke_suite", smoke::a_deployed_stack_passes_the_smoke_suite),
        ("smoke::a_stack_of_versions_runs_calls_by_its_alias", smoke::a_stack_of_versions_runs_calls_by_its_alias),
        ("roles::a_worker_serves_a_stack_without_functions", roles::a_worker_serves_a_stack_without_functions),
        (
            "roles::one_process_is_everything_on_a_stack_without_functions",
            roles::one_process_is_everything_on_a_stack_without_functions,
        ),
        (
            "roles::a_dispatcher_launches_functions_and_a_worker_serves_beside_them",
            roles::a_dispatcher_launches_functions_and_a_worker_serves_beside_them,
        ),
        (
            "drills::a_broken_set_up_is_launched_now_and_then_until_it_is_mended",
            drills::a_broken_set_up_is_launched_now_and_then_until_it_is_mended,
        ),
        (
            "drills::a_function_without_concurrency_runs_its_calls_once_it_has_some",
            drills::a_function_without_concurrency_runs_its_calls_once_it_has_some,
        ),
    ];
    let alone = alone.into_iter().map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    let trials: Vec<_> = alone.chain(faults::trials()).collect();
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(trials.len());
    libtest_mimic::run(&arguments, trials).exit_code()
}
