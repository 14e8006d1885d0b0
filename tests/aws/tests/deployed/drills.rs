//! Runs the drills of the smoke suite on a deployed stack: trouble on purpose, and its mend. They use the AWS CLI.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use aws_tests::{Deployment, Ministack};

/// The AWS CLI, in a separate Python environment.
fn aws_cli() -> PathBuf {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let made = Command::new(root.join("tests/python")).arg("cli").output().expect("a shell");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let python = PathBuf::from(String::from_utf8_lossy(&made.stdout).trim());
    python.with_file_name("aws")
}

/// A deployed stack of the smoke suite.
fn deployed(stack: &'static str) -> (Ministack, Deployment) {
    let aws = Ministack::start();
    let settings = include_str!("../../../../examples/smoke/deploy.toml");
    let stack = Deployment::new(&aws, aws.endpoint(), ("smoke", stack), settings, &[]);
    (aws, stack)
}

fn drill(stack: &Deployment, args: &[&str]) -> String {
    let mut drill = stack.command(&[&["drill"], args].concat());
    drill.env("AWS_CLI", aws_cli()).env("AWS_DEFAULT_REGION", Ministack::REGION);
    let Output { stdout, stderr, status } = drill.output().expect("it runs");
    let said = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success() && said.starts_with("ok  "), "{said}{}", String::from_utf8_lossy(&stderr));
    println!("{said}");
    said
}

/// Every worker says so, since each has the same set-up.
const BROKEN: &str = "SMOKE_BROKEN_INIT is set: a drill has broken this function on purpose";

pub(crate) fn a_broken_set_up_is_launched_now_and_then_until_it_is_mended() {
    let (aws, stack) = deployed("broken");
    let said = drill(&stack, &["broken-init", "--trouble", "20"]);
    assert!(said.contains("20 calls waited for 20s, and have all succeeded"), "{said}");
    let launched = aws.log().matches(BROKEN).count();
    // A dispatcher believes for five seconds that a function is well. Until then the cap lets 20 be in flight at a time,
    // each for about a second. Then come a few probes. Without the brake it would go on so for the whole of the trouble.
    assert!((10..120).contains(&launched), "{launched} launches");
}

pub(crate) fn a_function_without_concurrency_runs_its_calls_once_it_has_some() {
    let (_aws, stack) = deployed("stopped");
    let said = drill(&stack, &["no-concurrency", "--trouble", "20"]);
    assert!(said.contains("20 calls waited for 20s, and have all succeeded"), "{said}");
}
