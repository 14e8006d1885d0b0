//! Tests what tasks make of a template: their schedules, and tasks that cannot be deployed.

use serde_json::{Value, json};

use super::{FILMS, SIZES, deploy, properties, resources};
use crate::site::SHOP;

#[test]
fn schedules_send_ticks_to_the_queue_of_their_task() {
    let all = resources(SHOP, "");
    let id = "ScheduleCloseBooks600079c2";
    let schedule = properties(&all, id);
    assert_eq!(
        (&schedule["ScheduleExpression"], &schedule["ScheduleExpressionTimezone"]),
        (&json!("cron(0 3 * * ? *)"), &json!("Europe/Berlin"))
    );
    let target = &schedule["Target"];
    let input: Value = serde_json::from_str(target["Input"].as_str().unwrap()).unwrap();
    assert_eq!(input, json!({ "celeriac": "tick", "task": "close_books", "due": "<aws.scheduler.scheduled-time>" }));
    assert_eq!(target["Arn"]["Fn::GetAtt"][0], "QueueDefault");
    assert_eq!(target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0], "DeadQueueDefault");
    assert_eq!(target["RetryPolicy"]["MaximumEventAgeInSeconds"], 86_400);
    let all = resources(SIZES, FILMS);
    // Missed runs are skipped.
    let tidy = all.as_object().unwrap().iter().find(|(id, _)| id.starts_with("ScheduleFilmTidy")).unwrap().1;
    assert_eq!(tidy["Properties"]["ScheduleExpression"], "cron(0/15 * * * ? *)");
    assert_eq!(tidy["Properties"]["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"], 60);
}

#[test]
fn tasks_that_cannot_be_deployed_are_named() {
    let line = |task: &str| {
        let source = include_str!("../../../src/bin/sizes.rs");
        1 + source.lines().position(|line| line.contains(task)).unwrap()
    };
    deploy(SIZES, "[queues.images]\nroad = \"narrow\"\n").fails(
        3,
        &format!(
            "error: queue `images` is narrow: one function serves it, but its tasks ask for different memory: \
             `image.shrink` (tests/cli/src/bin/sizes.rs:{}) 3008 MB, `image.tag` (tests/cli/src/bin/sizes.rs:{}) the \
             default; give them one, or queues of their own, or set `road = \"wide\"`\n\
             task `film.cut` (tests/cli/src/bin/sizes.rs:{}), timeout 7200s: no function runs longer than 900 s, and a \
             worker needs 10 s of them for itself: lower the timeout, or serve queue `films` by processes: `road = \
             \"process\"`",
            line("image.shrink"),
            line("image.tag"),
            line("film.cut"),
        ),
    );
    deploy(SIZES, &format!("{FILMS}worker.timeout = \"1m\"")).fails(
        3,
        &format!(
            "error: task `film.tidy` (tests/cli/src/bin/sizes.rs:{0}), timeout 60s: with the 10 s that a worker needs \
             for itself it does not fit `worker.timeout`, 60s: raise that to \"70s\", or lower the task's\n\
             task `image.shrink` (tests/cli/src/bin/sizes.rs:{1}), timeout 60s: with the 10 s that a worker needs for \
             itself it does not fit `worker.timeout`, 60s: raise that to \"70s\", or lower the task's\n\
             task `image.tag` (tests/cli/src/bin/sizes.rs:{2}), timeout 60s: with the 10 s that a worker needs for \
             itself it does not fit `worker.timeout`, 60s: raise that to \"70s\", or lower the task's",
            line("film.tidy"),
            line("image.shrink"),
            line("image.tag"),
        ),
    );
}

#[test]
fn schedules_that_cannot_be_deployed_are_named() {
    deploy(env!("CARGO_BIN_EXE_clock"), "").fails(
        3,
        "error: task `tick` (tests/cli/src/bin/clock.rs:8), schedule `rate(1s)`: EventBridge Scheduler goes by whole \
         minutes: write a period of some, such as `rate(1m)`",
    );
    let never = deploy(env!("CARGO_BIN_EXE_never"), "");
    assert_eq!(never.code, Some(3));
    assert!(never.err.contains("there is no time zone `Europe/Atlantis`"), "{}", never.err);
    assert!(never.err.contains("never due: there is no such date"), "{}", never.err);
}
