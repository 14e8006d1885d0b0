//! Tests a deployed stack with services that refuse or are unreachable, with foreign messages, and with a delay beyond
//! SQS's limit. Each stack has a proxy that applies the test's faults.

use std::{
    process::Command,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_scheduler::types::{ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode};
use aws_tests::{Asked, Fault, Ministack};
use celeriac_aws::{Backend, Settings};
use celeriac_core::{
    ports::{Invocation, InvokeError, Invoker as _, PortError},
    task::{Body, Options, Registry, TaskDef},
};
use libtest_mimic::Trial;
use rustix::process::Signal;
use serde_json::Value;

use crate::stage::{Stage, assert_first_attempts, printed, until, wait};

/// The dispatcher's log line for the report of a dead worker.
const DIED: &str = "an invocation of a worker died; its parcels go on elsewhere";

type Test = fn(&Stage);

/// The tests, by the stack that they share. Tests that wait for long have a stack of their own.
const TESTS: [(&str, &[(&str, Test)]); 4] = [
    ("frozen", &[("a_worker_that_runs_past_its_time_limit_is_relieved", frozen_worker)]),
    (
        "untold",
        &[("parcels_of_a_dead_worker_continue_although_the_ledger_is_down_at_its_report", report_without_ledger)],
    ),
    (
        "throttled",
        &[
            ("invokes_that_are_throttled_for_ten_seconds_are_made_later", throttled_invokes),
            ("a_ledger_that_throttles_is_waited_for", throttled_ledger),
            ("nothing_runs_while_the_ledger_cannot_be_reached", unreachable_ledger),
        ],
    ),
    (
        "strange",
        &[
            ("a_stack_region_or_credentials_that_are_not_there_are_named", wrong_settings),
            ("a_function_that_is_not_there_is_named", missing_function),
            ("a_worker_that_is_killed_for_its_memory_is_relieved", killed_worker),
            ("messages_that_are_no_parcels_or_newer_ones_are_put_aside", strange_messages),
            ("an_unknown_event_is_answered_with_the_expected_shape", strange_invocation),
            ("a_delay_of_more_than_fifteen_minutes_goes_through_the_scheduler", long_delay),
        ],
    ),
];

pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    TESTS.into_iter().flat_map(|(stack, tests)| {
        let stage = Arc::new(Mutex::new(None));
        tests.iter().map(move |(name, test)| {
            let stage = Arc::clone(&stage);
            Trial::test(format!("faults::{name}"), move || {
                let mut stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
                test(stage.get_or_insert_with(|| Stage::new(stack)));
                Ok(())
            })
        })
    })
}

fn is_write(asked: &Asked) -> bool {
    ["UpdateItem", "TransactWriteItems"].contains(&asked.operation.as_str())
}

fn wrong_settings(stage: &Stage) {
    let call = |change: fn(&mut Command) -> &mut Command| {
        let mut command = stage.stack.command(&["call", "smoke.echo", "[\"hello\"]"]);
        // The machine's own settings must not help either.
        command.env("HOME", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true");
        let output = change(&mut command).output().expect("it runs");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let other_stack = call(|command| command.env("CELERIAC_STORE", "aws:shop"));
    assert!(other_stack.contains("SQS queue `shop-smoke`: AWS.SimpleQueueService.NonExistentQueue"), "{other_stack}");
    let other_region = call(|command| command.env("AWS_REGION", "us-west-2"));
    for (error, stack) in [(&other_stack, "shop"), (&other_region, stage.name)] {
        let hint = format!("is stack `{stack}` deployed in the region of the environment (AWS_REGION)? Deploy it, or");
        assert!(error.contains(&hint), "{error}");
    }
    let no_name = call(|command| command.env("CELERIAC_STORE", "aws:Shop"));
    assert!(no_name.contains("`Shop` is no stack's name: a letter, then"), "{no_name}");
    let no_region = call(|command| command.env_remove("AWS_REGION"));
    assert!(no_region.contains("; set AWS_REGION, or a region in the profile that AWS_PROFILE names"), "{no_region}");
    let nobody = call(|command| command.env_remove("AWS_ACCESS_KEY_ID"));
    assert!(nobody.contains("check the credentials of this process and what its role allows"), "{nobody}");
    assert_first_attempts(stage.call(1));
}

/// A registry needs a task.
static TASK: TaskDef = TaskDef::untyped("nothing", Options::new(), Body::Blocking(|_, _| Ok(Box::new(|| Ok(None)))));

fn missing_function(stage: &Stage) {
    let settings = Settings {
        region: Some(Ministack::REGION.to_owned()),
        endpoint: Some(stage.aws.endpoint().to_owned()),
        // Invocations are not counted, since there is no table either.
        cap: 0,
        ..Settings::new("shop".parse().expect("a name"))
    };
    let backend = Backend::new(settings, celeriac_aws::Options::default()).expect("nothing is asked yet");
    let functions = backend.functions(&Registry::new([&TASK]).expect("it has a task"));
    let refused = wait(functions.invoke(Invocation::of(Vec::new())));
    let Err(InvokeError::Failed(PortError::Unavailable { what, .. })) = refused else { panic!("{refused:?}") };
    assert!(what.starts_with("cannot invoke a worker: Lambda function `shop-worker`: ResourceNotFoundE"), "{what}");
    assert!(what.ends_with("Deploy it, or name another with --store or CELERIAC_STORE"), "{what}");
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

/// Lambda kills a function that is out of memory. Its calls go on as soon as that is reported, long before the lease
/// ends.
fn killed_worker(stage: &Stage) {
    let (id, before) = (stage.running_call(), stage.said(DIED));
    stage.signal_workers(Signal::KILL);
    stage.goes_on(&id);
    assert_eq!(stage.said(DIED), before + 1);
}

/// A frozen process does not notice that its time is nearly over, and Lambda kills it.
fn frozen_worker(stage: &Stage) {
    let (id, before) = (stage.running_call(), stage.said(DIED));
    stage.signal_workers(Signal::STOP);
    until("the end of the function's time", || (stage.said(DIED) > before).then_some(()));
    stage.goes_on(&id);
}

/// The dispatcher that gets the report cannot end the lease. The lease ends by itself, and nothing runs before that.
fn report_without_ledger(stage: &Stage) {
    let waits = "the parcels of a dead worker wait until its lease ends";
    let (id, before) = (stage.running_call(), stage.said(waits));
    stage.rule(|asked| {
        let is_ledger = asked.service == "dynamodb";
        if is_ledger { Fault::Refused(400, "ProvisionedThroughputExceededException") } else { Fault::None }
    });
    stage.signal_workers(Signal::KILL);
    until("the report of a death", || (stage.said(waits) > before).then_some(()));
    stage.rule(|_| Fault::None);
    stage.goes_on(&id);
}

fn strange_messages(stage: &Stage) {
    let sqs = aws_sdk_sqs::Client::new(&stage.config());
    // Format version 99, as another program would write it.
    let newer = "YwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    wait(async {
        let url = sqs
            .get_queue_url()
            .queue_name(format!("{}-smoke", stage.name))
            .send()
            .await
            .expect("it is there")
            .queue_url;
        let url = url.expect("a queue has a URL");
        for text in ["hello from another program", newer] {
            sqs.send_message().queue_url(&url).message_body(text).send().await.expect("send");
        }
    });
    until("two messages in the dead-letter queue", || {
        let queues = printed(stage.command(&["queue", "list", "smoke", "--json"]));
        (queues["queues"][0]["buried"] == 2).then_some(())
    });
    assert!(stage.aws.log().contains("a parcel of format version 99; this program reads up to version 1"));
    assert_first_attempts(stage.call(1));
}

fn strange_invocation(stage: &Stage) {
    let lambda = aws_sdk_lambda::Client::new(&stage.config());
    for function in ["worker", "dispatcher"] {
        let name = format!("{}-{function}", stage.name);
        let invoke = lambda.invoke().function_name(name).payload(Blob::new(r#"{"hello":1}"#));
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
        let found = scheduler.get_schedule().group_name(stage.name).name(&name).send().await.expect("it is there");
        let at = found.schedule_expression().expect("it is due once").to_owned();
        assert!(at.starts_with("at("), "{at}");
        assert_eq!(found.action_after_completion(), Some(&ActionAfterCompletion::Delete));
        // The twenty minutes are over.
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().expect("it is complete");
        let update = scheduler.update_schedule().group_name(stage.name).name(&name).flexible_time_window(window);
        let update = update.schedule_expression("at(2024-01-01T00:00:00)").target(found.target.expect("it has one"));
        update.action_after_completion(ActionAfterCompletion::Delete).send().await.expect("it can be changed");
    });
    assert_first_attempts(vec![call]);
}

/// The name of the one schedule that belongs to a parcel and not to the deployment.
fn schedule_of_a_call(stage: &Stage) -> String {
    let scheduler = aws_sdk_scheduler::Client::new(&stage.config());
    until("a schedule", || {
        let all = wait(scheduler.list_schedules().group_name(stage.name).send()).expect("the group is there");
        let mut names = all.schedules.into_iter().filter_map(|schedule| schedule.name);
        let is_id = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        // It begins with the queue's name.
        names.find(|name| name.strip_prefix("smoke-").is_some_and(is_id))
    })
}
