//! Runs the smoke suite on a stack that was deployed from its own template: both roads, calls that fail, hang and die,
//! unfinished work, delays, schedules.

use std::sync::{Arc, Mutex, PoisonError};

use aws_tests::{Asked, Deployment, Fault, Ministack, Proxy};
use serde_json::Value;

/// The checks of the suite that these arguments choose. All must pass.
fn passes(stack: &Deployment, args: &[&str]) -> usize {
    let mut command = stack.command(&[&["smoke", "--json"], args].concat());
    let output = command.env("CELERIAC_BUCKET", "smoke-deploy").output().expect("it runs");
    let lines = String::from_utf8_lossy(&output.stdout);
    println!("{lines}");
    let checks: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let failed: Vec<_> = checks.iter().filter(|check| check["ok"] != true).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    checks.len()
}

pub(crate) fn a_deployed_stack_passes_the_smoke_suite() {
    let aws = Ministack::start();
    let settings = format!("bucket = \"smoke-deploy\"\n{}", include_str!("../../../../examples/smoke/deploy.toml"));
    let stack = Deployment::new(&aws, aws.endpoint(), ("smoke", "smoke"), &settings, &[]);
    assert_eq!(passes(&stack, &[]), 13, "all that take less than two minutes");
}

/// The local AWS hands what failed to the destination of the latest code alone, so that no worker dies here.
pub(crate) fn a_stack_of_versions_runs_calls_by_its_alias() {
    let aws = Ministack::start();
    let invoked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&invoked);
    let proxy = Proxy::start(aws.endpoint(), move |asked: &Asked| {
        if asked.service == "lambda" && asked.operation.contains("/invocations") {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(asked.operation.clone());
        }
        Fault::None
    });
    let settings = include_str!("../../../../examples/smoke/deploy.toml");
    let stack = Deployment::of_versions(&aws, proxy.endpoint(), ("smoke", "versions"), settings, &[]);
    for check in ["wide road", "narrow road", "retries", "short delay"] {
        assert_eq!(passes(&stack, &["--only", check]), 1);
    }
    let invoked = invoked.lock().unwrap_or_else(PoisonError::into_inner);
    let by_alias = |operation: &String| operation.contains("/versions-worker%3Alive/");
    assert!(!invoked.is_empty() && invoked.iter().all(by_alias), "{invoked:?}");
}
