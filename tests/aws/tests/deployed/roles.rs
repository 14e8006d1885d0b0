//! Tests ordinary processes on a stack, alone or beside functions: they poll its queues, run its calls or launch
//! workers, and end when told to.

use std::process::{Child, Command, Stdio};

use aws_tests::{Deployment, Ministack, config, create_stack, environment, example};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The smoke suite's program, on a stack of this name.
fn smoke(aws: &Ministack, stack: &str, args: &[&str]) -> Command {
    let mut command = Command::new(example("smoke"));
    command.args(args).envs(environment(&format!("aws:{stack}"), aws.endpoint()));
    command
}

/// Runs checks of the suite with this process alone. All must pass.
fn checks_pass(role: &[&str]) {
    let (aws, stack) = (Ministack::start(), "roles");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        create_stack(&config(aws.endpoint()).await, stack, &["smoke", "smoke-narrow"]).await;
    });
    let role = Role::start(smoke(&aws, stack, role));
    for check in ["wide road", "narrow road", "retries", "time-out", "short delay"] {
        passes(smoke(&aws, stack, &["smoke", "--json", "--only", check]));
    }
    role.end();
}

/// A check that prints one line.
fn passes(mut check: Command) {
    let output = check.output().expect("it runs");
    let seen: Value = serde_json::from_slice(&output.stdout).expect("one check is one line");
    assert_eq!(seen["ok"], true, "{seen}");
}

/// A running role, which does not outlive its test.
struct Role(Child);

impl Role {
    fn start(mut role: Command) -> Self {
        Self(role.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs"))
    }

    /// Ends it as an operator does.
    fn end(mut self) {
        let id = Pid::from_raw(self.0.id().cast_signed()).expect("a process has an id");
        kill_process(id, Signal::TERM).expect("it runs");
        let status = self.0.wait().expect("it can be waited for");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // It has ended by itself, unless the test has failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn a_worker_serves_a_stack_without_functions() {
    checks_pass(&["worker"]);
}

pub(crate) fn one_process_is_everything_on_a_stack_without_functions() {
    checks_pass(&["dev"]);
}

pub(crate) fn a_dispatcher_launches_functions_and_a_worker_serves_beside_them() {
    let aws = Ministack::start();
    let settings = include_str!("../../../../examples/smoke/deploy.toml").replace("narrow\"\n", "process\"\n");
    let settings = format!("{settings}\n[queues.smoke]\nroad = \"process\"\n");
    let stack = Deployment::new(&aws, aws.endpoint(), ("smoke", "beside"), &settings, &[]);
    let role = |args: &[&str]| {
        let mut role = stack.command(args);
        // As for the deployed dispatcher: a message is hidden for longer than a function may run.
        role.env("CELERIAC_LEASE_S", "70").env("CELERIAC_CAP", "20");
        Role::start(role)
    };
    let roles = [role(&["dispatcher", "--queues", "smoke"]), role(&["worker", "--queues", "smoke-narrow"])];
    for check in ["wide road", "narrow road", "retries", "killer call", "left-overs"] {
        passes(stack.command(&["smoke", "--json", "--only", check]));
    }
    assert!(!stack.processes("worker").is_empty(), "functions have run the wide road's calls");
    roles.into_iter().for_each(Role::end);
}
