//! Tests the alarms of a template, as `CloudWatch` evaluates them.

use serde_json::{Value, json};

use super::{FILMS, SIZES, properties, resources};
use crate::site::SHOP;

/// The names of a stack's alarms, without the stack's.
fn alarms(program: &str, settings: &str) -> Vec<String> {
    let all = resources(program, settings);
    let names = all.as_object().unwrap().values().filter_map(|one| one["Properties"]["AlarmName"].as_str());
    let mut names: Vec<String> = names.map(|name| name.strip_prefix("prod-").unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn alarms_watch_symptoms_and_causes_if_they_are_asked_to() {
    let symptoms = [
        "calls-failed",
        "default-dead-untaken",
        "default-late",
        "orders-dead-untaken",
        "orders-late",
        "schedules-failing",
    ];
    assert_eq!(alarms(SHOP, ""), symptoms);
    let causes = [
        "default-dead",
        "dispatcher-dropped",
        "dispatcher-errors",
        "dispatcher-throttles",
        "failures-untaken",
        "orders-dead",
        "schedules-dropped",
        "schedules-lost",
        "schedules-throttled",
        "table-read-throttles",
        "table-transaction-errors",
        "table-update-errors",
        "table-write-throttles",
        "worker-dropped",
        "worker-errors",
        "worker-event-age",
        "worker-throttles",
        "worker-unreported",
    ];
    let mut both = [&symptoms[..], &causes].concat();
    both.sort_unstable();
    assert_eq!(alarms(SHOP, "alarms.causes = true"), both);
    assert!(alarms(SHOP, "alarms.enabled = false\nalarms.causes = true").is_empty());
}

#[test]
fn an_alarm_of_a_queue_never_has_the_name_of_another() {
    let taken =
        ["calls", "dispatcher", "schedules", "table", "worker", "worker-3008", "worker-event-age", "a-b", "a_b"];
    let queues: String = taken.map(|name| format!("[queues.{name}]\n")).concat();
    let names = alarms(SIZES, &format!("{FILMS}alarms.causes = true\n{queues}"));
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(names.len(), distinct.len(), "{names:?}");
}

#[test]
fn an_alarm_hears_that_scheduler_cannot_send_where_tasks_or_settings_ask_for_it() {
    // The tasks of `forms` have no schedules. It may delay calls by hours all the same, which only its settings can say.
    let forms = env!("CARGO_BIN_EXE_forms");
    for (program, settings, has) in [
        (forms, "", false),
        (forms, "alarms.schedules = true", true),
        (forms, "alarms.causes = true", true),
        (forms, "alarms.causes = true\nalarms.schedules = false", false),
        (SHOP, "", true),
        (SHOP, "alarms.schedules = false", false),
        (SHOP, "alarms.enabled = false\nalarms.schedules = true", false),
    ] {
        let names = alarms(program, settings);
        assert_eq!(names.contains(&"schedules-failing".to_owned()), has, "{settings}: {names:?}");
    }
}

/// The alarm of this name.
fn alarm<'a>(resources: &'a Value, name: &str) -> &'a Value {
    let mut all = resources.as_object().unwrap().values().map(|one| &one["Properties"]);
    all.find(|one| one["AlarmName"] == format!("prod-{name}")).unwrap_or_else(|| panic!("there is no alarm {name}"))
}

/// What a queue's metrics say of five minutes.
#[derive(Clone, Copy)]
struct Point {
    visible: u64,
    hidden: u64,
    deleted: u64,
}

const QUIET: Point = Point { visible: 0, hidden: 0, deleted: 0 };

/// Whether an alarm over metric maths goes off, as `CloudWatch` evaluates it.
fn goes_off(alarm: &Value, points: &[Point]) -> bool {
    let metrics = alarm["Metrics"].as_array().unwrap();
    let (result, metrics) = metrics.split_last().unwrap();
    let of = |metric: &Value| {
        let stat = &metric["MetricStat"];
        assert_eq!((&stat["Metric"]["Namespace"], &stat["Period"]), (&json!("AWS/SQS"), &json!(300)));
        [&metric["Id"], &stat["Metric"]["MetricName"], &stat["Stat"]].map(|text| text.as_str().unwrap().to_owned())
    };
    let watched = [
        ["visible", "ApproximateNumberOfMessagesVisible", "Maximum"],
        ["hidden", "ApproximateNumberOfMessagesNotVisible", "Maximum"],
        ["deleted", "NumberOfMessagesDeleted", "Sum"],
    ];
    assert_eq!(metrics.iter().map(of).collect::<Vec<_>>(), watched);
    let expression = result["Expression"].as_str().unwrap();
    let factor = expression.strip_prefix("IF(visible + hidden > FILL(deleted, 0) * ");
    let factor: u64 = factor.and_then(|rest| rest.strip_suffix(", 1, 0)")).unwrap().parse().unwrap();
    assert_eq!((&alarm["ComparisonOperator"], &alarm["Threshold"]), (&json!("GreaterThanThreshold"), &json!(0)));
    let periods = usize::try_from(alarm["EvaluationPeriods"].as_u64().unwrap()).unwrap();
    assert!(periods * 300 <= 86_400, "CloudWatch looks back a day at most");
    points
        .windows(periods)
        .any(|points| points.iter().all(|point| point.visible + point.hidden > point.deleted * factor))
}

/// An hour and more of five minutes that are alike.
fn hours(hours: usize, point: Point) -> Vec<Point> {
    vec![point; hours * 12 + 3]
}

#[test]
fn a_queue_that_is_stuck_or_late_raises_an_alarm_and_one_that_works_does_not() {
    let all = resources(SHOP, "");
    let late = alarm(&all, "orders-late");
    let stuck = |points: &[Point]| goes_off(late, points);
    // One message fails and is received again and again, so that the age of the oldest one does not show it.
    assert!(stuck(&hours(1, Point { hidden: 1, ..QUIET })));
    // No function takes messages.
    assert!(stuck(&hours(1, Point { visible: 1, ..QUIET })));
    assert!(!stuck(&vec![Point { hidden: 1, ..QUIET }; 12]), "an hour is allowed, and the time of a worker besides");
    // A campaign of 2,000 messages at a pace at which the last one waits for five hours.
    let campaign = |pace: u64| (0..).map(move |at| 2_000_u64.saturating_sub(at * pace)).take_while(|left| *left > 0);
    let points = |pace| campaign(pace).map(|visible| Point { visible, hidden: 100, deleted: pace }).collect::<Vec<_>>();
    assert!(stuck(&points(33)));
    assert!(!stuck(&points(200)), "it takes less than an hour");
    // Lone calls, each of ten minutes.
    let pair = [Point { hidden: 1, ..QUIET }, Point { deleted: 1, hidden: 1, ..QUIET }];
    assert!(!stuck(&pair.repeat(24)));
    assert!(!stuck(&hours(2, QUIET)));
}

#[test]
fn a_task_of_hours_in_a_process_raises_no_alarm() {
    let all = resources(SIZES, &format!("{FILMS}queues.films-4k.road = \"process\""));
    let runs = |hours| self::hours(hours, Point { hidden: 1, ..QUIET });
    // `film.cut` may take two hours.
    let films = alarm(&all, "films-late");
    assert!(!goes_off(films, &runs(2)));
    assert!(goes_off(films, &runs(3)));
    // The tasks of a queue that only the settings name may take twelve.
    let unknown = alarm(&all, "films-4k-late");
    assert!(!goes_off(unknown, &runs(12)));
    assert!(goes_off(unknown, &runs(13)));
    // An alarm cannot look back for longer than a day.
    let all = resources(SHOP, "alarms.late = \"14d\"");
    assert_eq!(alarm(&all, "orders-late")["EvaluationPeriods"], 288);
}

#[test]
fn dead_messages_raise_an_alarm_before_sqs_stops_counting_them() {
    for timeout in ["10s", "1m", "15m"] {
        let all = resources(SHOP, &format!("alarms.causes = true\ndispatcher.timeout = \"{timeout}\""));
        for (queue, name) in [("DeadQueueOrders", "orders-dead-untaken"), ("FailuresQueue", "failures-untaken")] {
            let hidden_s = properties(&all, queue)["VisibilityTimeout"].as_u64().unwrap();
            let alarm = alarm(&all, name);
            let most_s = alarm["Threshold"].as_u64().unwrap();
            assert_eq!(
                (&alarm["MetricName"], &alarm["EvaluationPeriods"]),
                (&json!("ApproximateAgeOfOldestMessage"), &json!(1))
            );
            // A dispatcher that fails receives it at once and whenever it is visible again. The third time it leaves the
            // metric, which has a point each minute.
            assert!(
                hidden_s < most_s && most_s + 60 < 2 * hidden_s,
                "{queue}, {timeout}: {most_s} s, hidden {hidden_s} s"
            );
        }
    }
}

#[test]
fn an_alarm_watches_the_calls_that_workers_count_as_dead() {
    let alarm = |all: &Value| all["CallsAlarm"]["Properties"].clone();
    let all = resources(SHOP, "");
    assert_eq!(alarm(&all)["AlarmName"], "prod-calls-failed");
    assert_eq!((&alarm(&all)["Namespace"], &alarm(&all)["MetricName"]), (&json!("Celeriac"), &json!("Dead")));
    assert_eq!(alarm(&all)["Dimensions"], json!([{ "Name": "Stack", "Value": "prod" }]));
    assert_eq!((&alarm(&all)["Threshold"], &alarm(&all)["Statistic"]), (&json!(0), &json!("Sum")));
    let all = resources(SHOP, "metrics = false");
    assert!(alarm(&all).is_null());
    assert_eq!(properties(&all, "Worker")["Environment"]["Variables"]["CELERIAC_METRICS"], "off");
}
