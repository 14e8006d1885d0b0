//! Runs the smoke suite on a stack that was deployed from its own template: both roads, calls that fail, hang and die,
//! unfinished work, delays, schedules.

use aws_tests::{Deployment, Ministack};
use serde_json::Value;

pub(crate) fn a_deployed_stack_passes_the_smoke_suite() {
    let aws = Ministack::start();
    let settings = format!("bucket = \"smoke-deploy\"\n{}", include_str!("../../../../examples/smoke/deploy.toml"));
    let stack = Deployment::new(&aws, aws.endpoint(), ("smoke", "smoke"), &settings, &[]);
    let output = stack.command(&["smoke", "--json"]).env("CELERIAC_BUCKET", "smoke-deploy").output().expect("it runs");
    let lines = String::from_utf8_lossy(&output.stdout);
    println!("{lines}");
    let checks: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let failed: Vec<_> = checks.iter().filter(|check| check["ok"] != true).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(checks.len(), 13, "all that take less than two minutes");
}
