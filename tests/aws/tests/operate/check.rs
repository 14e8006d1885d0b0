//! Tests `deploy check`.

use aws_sdk_sqs::types::QueueAttributeName;
use aws_tests::{Asked, Fault, Proxy};
use serde_json::json;

use crate::desk::{Desk, Said};

/// A stack that fits the local AWS's concurrency.
const SETTINGS: &str = "cap = 8\nalarms.topic = \"arn:aws:sns:eu-central-1:000000000000:night\"";

fn deployed(settings: &str) -> Desk {
    let desk = Desk::new(settings);
    desk.apply(&[]).ok();
    desk
}

#[track_caller]
fn line(said: &Said, start: &str) {
    assert!(said.out.lines().any(|line| line.starts_with(start)), "`{start}`: {}", said.out);
}

#[test]
fn a_stack_that_was_just_deployed_is_as_it_should_be() {
    let desk = deployed(SETTINGS);
    let said = desk.check(&["--binary", "bootstrap", "--glibc", "9.99"]).ok();
    assert!(said.out.ends_with(" checks: 0 warnings, 0 errors\n"), "{}", said.out);
    for start in [
        "ok       credentials: arn:aws:",
        "ok       concurrency: at most 10 functions of the stack run at a time; the account has room for ",
        "ok       stack prod: CREATE_COMPLETE",
        "ok       template: the stack is what this program and its settings want",
        "ok       tasks: ",
        "ok       function prod-worker: Active, 512 MB, 300 s, program ",
        "ok       queue prod-mail: 360 s hidden while it is worked on, 0 messages wait",
        "ok       mapping of prod-mail: Enabled, 10 messages at a time to prod-dispatcher:live, at most 2 at a time",
        "ok       table prod: ACTIVE, items end by `ttl`, can be restored",
        "ok       schedule of the sweep: rate(5 minutes), UTC",
        "ok       alarms: 3 watch the stack",
    ] {
        line(&said, start);
    }
    let quiet = desk.check(&["--quiet"]).ok();
    assert!(quiet.out.ends_with(" checks: 0 warnings, 0 errors\n") && quiet.out.lines().count() == 1, "{}", quiet.out);
}

#[test]
fn without_a_stack_it_says_how_to_make_one() {
    let desk = Desk::new("cap = 100000");
    let said = desk.check(&[]);
    assert_eq!(said.code, Some(1));
    line(&said, "error    stack prod: does not exist: `deploy apply` makes it");
    line(
        &said,
        "error    concurrency: 100000 workers (`cap`) and 1000 dispatchers (1 wide queue) may run at a time, but",
    );
    assert!(
        said.out.contains(". Set `cap = ") && said.out.ends_with("3 checks: 0 warnings, 2 errors\n"),
        "{}",
        said.out
    );
}

#[test]
fn what_was_changed_by_hand_is_named_with_its_cure() {
    let desk = deployed(SETTINGS);
    desk.aws(async |config| {
        let lambda = aws_sdk_lambda::Client::new(config);
        let mappings =
            lambda.list_event_source_mappings().function_name("prod-dispatcher").send().await.expect("a list");
        let mapping = mappings
            .event_source_mappings()
            .iter()
            .find(|one| one.event_source_arn().is_some_and(|arn| arn.ends_with(":prod-mail")));
        let uuid = mapping.and_then(|one| one.uuid()).expect("it is mapped");
        lambda.update_event_source_mapping().uuid(uuid).enabled(false).send().await.expect("it is switched off");
        let memory = lambda.update_function_configuration().function_name("prod-worker").memory_size(128);
        memory.send().await.expect("it is changed");
        let brake =
            lambda.put_function_concurrency().function_name("prod-dispatcher").reserved_concurrent_executions(0);
        brake.send().await.expect("it is reserved");

        let sqs = aws_sdk_sqs::Client::new(config);
        let url = |name: &'static str| sqs.get_queue_url().queue_name(name).send();
        let dead = url("prod-mail-dead").await.expect("it is there").queue_url.expect("a URL");
        sqs.delete_queue().queue_url(dead).send().await.expect("it is deleted");
        let work = url("prod-mail").await.expect("it is there").queue_url.expect("a URL");
        let hidden = sqs.set_queue_attributes().queue_url(work).attributes(QueueAttributeName::VisibilityTimeout, "5");
        hidden.send().await.expect("it is set");
    });
    desk.delete_alarm("prod-mail-late");
    let said = desk.check(&[]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    for start in [
        "error    mapping of prod-mail: it is Disabl",
        "error    function prod-worker: its memory is 128, and should be 512: `deploy apply`, or with --revert-drift",
        "error    function prod-dispatcher: its reserved concurrency is 0, so it runs nothing",
        "error    queue prod-mail-dead: was deleted, but not by CloudFormation: `deploy apply --revert-drift` makes it",
        "error    queue prod-mail: it hides a message for 5 s, and a receiver may need 360 s",
        "error    alarm prod-mail-late: was deleted, but not by CloudFormation",
    ] {
        line(&said, start);
    }
    let json = desk.check(&["--json", "--quiet"]).json();
    assert_eq!((&json["warnings"], &json["errors"]), (&json!(0), &json!(6)));
    assert_eq!(json["findings"].as_array().expect("a list").len(), 6);
}

#[test]
fn settings_and_a_program_that_are_not_deployed_are_named() {
    let desk = deployed(SETTINGS);
    desk.settings(&format!("{SETTINGS}\nworker.memory = 1024\nqueues.extra.road = \"process\""));
    desk.program("false");
    let said = desk.check(&["--binary", "bootstrap", "--glibc", "9.99"]);
    assert_eq!(said.code, Some(1));
    line(&said, "warning  template: the stack was deployed from other tasks or settings: ");
    line(&said, "error    queue prod-extra: is not in the stack: `deploy apply` makes it");
    assert!(said.out.contains("its memory is 512, and should be 1024: `deploy apply`"), "{}", said.out);
    assert!(said.out.contains("it runs the program ") && said.out.contains(", and the local one is "), "{}", said.out);
    desk.apply(&[]).ok();
    desk.check(&["--binary", "bootstrap", "--glibc", "9.99"]).ok();
}

#[test]
fn what_cannot_be_looked_up_is_an_error_that_says_why() {
    let desk = deployed(SETTINGS);
    let denied = |operation: &'static str| {
        let proxy = Proxy::start(desk.aws.endpoint(), move |asked: &Asked| {
            if asked.operation.contains(operation) { Fault::Refused(403, "AccessDeniedException") } else { Fault::None }
        });
        let said = Said::of(desk.command(proxy.endpoint(), &["check"]));
        assert_eq!(said.code, Some(1), "{}", said.out);
        said
    };
    for (operation, subject) in [
        ("account-settings", "concurrency"),
        ("GetQueueAttributes", "queue prod-mail"),
        ("DescribeTable", "table prod"),
        ("GetTemplate", "template"),
        ("/schedules/", "schedule of the sweep"),
        ("event-source-mappings", "mapping of prod-mail"),
        ("/functions/", "function prod-worker"),
        ("DescribeStacks", "stack prod"),
        ("GetCallerIdentity", "credentials"),
    ] {
        let said = denied(operation);
        let cannot = if subject == "credentials" { "" } else { "cannot be looked up: " };
        line(&said, &format!("error    {subject}: {cannot}AccessDeniedException"));
        assert!(said.out.contains("; check the credentials of this process (AWS_PROFILE) and what their role allows"));
    }
}
