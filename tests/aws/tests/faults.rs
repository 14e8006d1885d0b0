//! What a deployed stack makes of services that refuse and cannot be reached, of what is not for it, and of a delay that
//! SQS cannot keep. One stack for all of them, through a proxy that does what the test says.

use std::{
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_scheduler::types::{ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode};
use aws_tests::{Asked, Deployment, Fault, Ministack, Proxy, config};
use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};

type Test = fn(&Stage);

type Rule = Box<dyn Fn(&Asked) -> Fault + Send>;

/// A deployed smoke suite.
struct Stage {
    rule: Arc<Mutex<Rule>>,
    stack: Deployment,
    _proxy: Proxy,
    aws: Ministack,
}

fn main() -> ExitCode {
    let stage = Arc::new(LazyLock::new(Stage::new as fn() -> Stage));
    let tests: [(&str, Test); 7] = [
        ("a_stack_region_or_credentials_that_are_not_there_are_named", wrong_settings),
        ("invokes_that_are_throttled_for_ten_seconds_are_made_later", throttled_invokes),
        ("a_ledger_that_throttles_is_waited_for", throttled_ledger),
        ("nothing_runs_while_the_ledger_cannot_be_reached", unreachable_ledger),
        ("what_is_no_parcel_or_a_newer_one_is_put_aside", strange_messages),
        ("an_invocation_of_an_unknown_shape_says_what_was_expected", strange_invocation),
        ("a_delay_of_more_than_fifteen_minutes_goes_through_the_scheduler", long_delay),
    ];
    let trials = tests.into_iter().map(|(name, test)| {
        let stage = stage.clone();
        Trial::test(name, move || {
            test(&stage);
            Ok(())
        })
    });
    // There is one proxy, and one rule at a time.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

impl Stage {
    fn new() -> Self {
        let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(Box::new(|_| Fault::None)));
        let aws = Ministack::start();
        let present = rule.clone();
        let proxy = Proxy::start(aws.endpoint(), move |asked: &Asked| lock(&present)(asked));
        let settings = include_str!("../../../examples/smoke/deploy.toml");
        let stack = Deployment::new(&aws, proxy.endpoint(), ("smoke", "smoke"), settings, &[]);
        Self { rule, stack, _proxy: proxy, aws }
    }

    /// Has a rule for so many seconds, and answers how often it made a fault.
    fn rule_for(&self, seconds: u64, rule: impl Fn(&Asked) -> Fault + Send + 'static) -> usize {
        let faults = Arc::new(AtomicUsize::new(0));
        let counted = faults.clone();
        *lock(&self.rule) = Box::new(move |asked| {
            let fault = rule(asked);
            counted.fetch_add(usize::from(fault != Fault::None), Ordering::Relaxed);
            fault
        });
        thread::sleep(Duration::from_secs(seconds));
        *lock(&self.rule) = Box::new(|_| Fault::None);
        faults.load(Ordering::Relaxed)
    }

    fn command(&self, args: &[&str]) -> Child {
        let mut command = self.stack.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
    }

    /// Calls that say which attempt they are, and are waited for, on both roads.
    fn call(&self, calls: usize) -> Vec<Child> {
        let args = ["call", "smoke.flaky", "[1]", "--wait", "--timeout", "100s", "--json"];
        let narrow = [&args[..], &["--queue", "smoke-narrow"]].concat();
        (0..calls).flat_map(|_| [self.command(&args), self.command(&narrow)]).collect()
    }

    fn config(&self) -> SdkConfig {
        wait(config(self.aws.endpoint()))
    }
}

fn lock(rule: &Mutex<Rule>) -> std::sync::MutexGuard<'_, Rule> {
    rule.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// The JSON that a command printed.
fn printed(command: Child) -> Value {
    let output = command.wait_with_output().expect("it can be waited for");
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"))
}

/// Calls whose first attempt is their last.
fn assert_first_attempts(calls: Vec<Child>) {
    for call in calls {
        let call = printed(call);
        assert_eq!((&call["state"], &call["result"]), (&json!("succeeded"), &json!(1)), "{call:#}");
    }
}

fn is_write(asked: &Asked) -> bool {
    ["UpdateItem", "TransactWriteItems"].contains(&asked.operation.as_str())
}

fn wrong_settings(stage: &Stage) {
    let call = |change: fn(&mut Command) -> &mut Command| {
        let mut command = stage.stack.command(&["call", "smoke.echo", "[\"hello\"]"]);
        // Nor may the machine's own settings help out.
        command.env("HOME", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true");
        let output = change(&mut command).output().expect("it runs");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let other_stack = call(|command| command.env("CELERIAC_STACK", "shop"));
    assert!(other_stack.contains("SQS queue `shop-smoke`: AWS.SimpleQueueService.NonExistentQueue"), "{other_stack}");
    let other_region = call(|command| command.env("AWS_REGION", "us-west-2"));
    for (error, stack) in [(&other_stack, "shop"), (&other_region, "smoke")] {
        let hint = format!("is stack `{stack}` deployed in the region of the environment (AWS_REGION)? Deploy it, or");
        assert!(error.contains(&hint), "{error}");
    }
    let no_name = call(|command| command.env("CELERIAC_STACK", "Shop"));
    assert!(no_name.contains("`Shop` is no stack's name: a letter, then"), "{no_name}");
    let no_region = call(|command| command.env_remove("AWS_REGION"));
    assert!(no_region.contains("; set AWS_REGION, or a region in the profile that AWS_PROFILE names"), "{no_region}");
    let nobody = call(|command| command.env_remove("AWS_ACCESS_KEY_ID"));
    assert!(nobody.contains("check the credentials of this process and what its role allows"), "{nobody}");
    assert_first_attempts(stage.call(1));
}

fn throttled_invokes(stage: &Stage) {
    let calls = stage.call(3);
    let faults = stage.rule_for(10, |asked| {
        let is_invoke = asked.service == "lambda" && asked.operation.ends_with("/invocations");
        if is_invoke { Fault::Refused(429, "TooManyRequestsException") } else { Fault::None }
    });
    assert!(faults > 0, "no Invoke was refused");
    assert_first_attempts(calls);
}

fn throttled_ledger(stage: &Stage) {
    let calls = stage.call(3);
    let throttled = Fault::Refused(400, "ProvisionedThroughputExceededException");
    let faults = stage.rule_for(10, move |asked| if is_write(asked) { throttled.clone() } else { Fault::None });
    assert!(faults > 0, "no write was refused");
    assert_first_attempts(calls);
}

fn unreachable_ledger(stage: &Stage) {
    let mut calls = stage.call(3);
    let faults = stage.rule_for(10, |asked| if is_write(asked) { Fault::CutBefore } else { Fault::None });
    assert!(faults > 0, "no write was cut");
    assert!(stage.aws.log().contains("cannot be claimed or finished; putting it back for a while"), "no worker tried");
    let early = calls.iter_mut().filter_map(|call| call.try_wait().expect("it can be asked")).count();
    assert_eq!(early, 0, "a call ended that could not be claimed");
    assert_first_attempts(calls);
}

fn strange_messages(stage: &Stage) {
    let sqs = aws_sdk_sqs::Client::new(&stage.config());
    // Format version 99, as another program would write it.
    let newer = "YwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    wait(async {
        let url = sqs.get_queue_url().queue_name("smoke-smoke").send().await.expect("it is there").queue_url;
        let url = url.expect("a queue has a URL");
        for text in ["hello from another program", newer] {
            sqs.send_message().queue_url(&url).message_body(text).send().await.expect("send");
        }
    });
    until("two messages in the dead-letter queue", || {
        let queues = printed(stage.command(&["queue", "smoke", "--json"]));
        (queues["queues"][0]["buried"] == 2).then_some(())
    });
    assert!(stage.aws.log().contains("a parcel of format version 99; this program reads up to version 1"));
    assert_first_attempts(stage.call(1));
}

fn strange_invocation(stage: &Stage) {
    let lambda = aws_sdk_lambda::Client::new(&stage.config());
    for function in ["smoke-worker", "smoke-dispatcher"] {
        let invoke = lambda.invoke().function_name(function).payload(Blob::new(r#"{"hello":1}"#));
        let answer = wait(invoke.send()).expect("it is invoked");
        assert!(answer.function_error.is_some(), "{function} took it");
        let error: Value = serde_json::from_slice(answer.payload.expect("an error").as_ref()).expect("errors are JSON");
        assert_eq!(error["errorType"], "Celeriac.UnknownEvent", "{error:#}");
        println!("{function}: {}", error["errorMessage"]);
    }
    assert_first_attempts(stage.call(1));
}

fn long_delay(stage: &Stage) {
    let args = ["call", "smoke.flaky", "[1]", "--countdown", "20m", "--wait", "--timeout", "60s", "--json"];
    let call = stage.command(&args);
    let scheduler = aws_sdk_scheduler::Client::new(&stage.config());
    let name = schedule_of_a_call(stage);
    wait(async {
        let found = scheduler.get_schedule().group_name("smoke").name(&name).send().await.expect("it is there");
        let at = found.schedule_expression().expect("it is due once").to_owned();
        assert!(at.starts_with("at("), "{at}");
        assert_eq!(found.action_after_completion(), Some(&ActionAfterCompletion::Delete));
        // The twenty minutes are over.
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().expect("it is complete");
        let update = scheduler.update_schedule().group_name("smoke").name(&name).flexible_time_window(window);
        let update = update.schedule_expression("at(2024-01-01T00:00:00)").target(found.target.expect("it has one"));
        update.action_after_completion(ActionAfterCompletion::Delete).send().await.expect("it can be changed");
    });
    assert_first_attempts(vec![call]);
}

/// The name of the one schedule that is not of the deployment, but of a parcel.
fn schedule_of_a_call(stage: &Stage) -> String {
    let scheduler = aws_sdk_scheduler::Client::new(&stage.config());
    until("a schedule", || {
        let all = wait(scheduler.list_schedules().group_name("smoke").send()).expect("the group is there");
        let mut names = all.schedules.into_iter().filter_map(|schedule| schedule.name);
        let is_id = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        names.find(|name| name.strip_prefix("smoke-").is_some_and(is_id))
    })
}

/// Waits until something is there, for half a minute at most.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let found = (0..300).find_map(|_| {
        look().or_else(|| {
            thread::sleep(Duration::from_millis(100));
            None
        })
    });
    found.unwrap_or_else(|| panic!("waited for {what} in vain"))
}
