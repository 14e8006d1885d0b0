//! An alarm on every way in which a call could be lost or late. `docs/deploy.md` says what to do on each.

use serde_json::json;

use super::{
    alarm::{Alarm, Metric},
    fleet::{Class, Fleet},
    names::{DISPATCHER, FAILURES, SCHEDULES, TABLE, dead_queue, logical, queue, reference, worker},
    template::Template,
};

/// Reports of failed invocations are taken at once, so that one of this age, in seconds, is not taken at all.
const FAILURES_LATE_S: u64 = 900;

const LATE: &str = "ApproximateAgeOfOldestMessage";

/// What the table is asked for.
const OPERATIONS: [&str; 6] = ["BatchGetItem", "GetItem", "PutItem", "Query", "TransactWriteItems", "UpdateItem"];

/// Runs that `EventBridge` Scheduler did not send, or not at once.
const UNSENT: [&str; 4] = [
    "InvocationDroppedCount",
    "InvocationThrottleCount",
    "InvocationsFailedToBeSentToDeadLetterCount",
    "TargetErrorCount",
];

/// What goes wrong with any function: end of the alarm's name, metric, how many periods in a row, why.
const FUNCTION: [(&str, &str, u32, &str); 3] = [
    (
        "errors",
        "Errors",
        1,
        "Invocations ended badly: over the time limit, out of memory, a crash. Their calls run again",
    ),
    (
        "throttles",
        "Throttles",
        3,
        "The account has less concurrency than is asked of it: lower the cap, or have the quota raised",
    ),
    (
        "dropped",
        "AsyncEventsDropped",
        1,
        "Lambda gave events up without running them. Their messages are still in the queue and come back late",
    ),
];

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    if !fleet.settings.alarms.enabled {
        return;
    }
    let queues = fleet.queues.keys().flat_map(|name| of_queue(fleet, name));
    let dispatcher = of_function(DISPATCHER, "dispatcher");
    let workers = fleet.workers.keys().flat_map(|class| of_worker(fleet, *class));
    let alarms = queues.chain([failures()]).chain(dispatcher).chain(workers).chain(table()).chain([schedules()]);
    for alarm in alarms {
        alarm.add(template, fleet);
    }
}

fn of_queue(fleet: &Fleet<'_>, name: &str) -> [Alarm<'static>; 2] {
    let dead = |metric| sqs(&dead_queue(name), metric);
    [
        Alarm {
            id: logical("LateAlarm", name),
            name: format!("{name}-late"),
            why: "Calls wait too long: too little concurrency, a function that fails, or a mapping that is switched off",
            most: fleet.settings.alarms.late.as_secs(),
            periods: 1,
            statistic: "Maximum",
            metrics: vec![sqs(&queue(name), LATE)],
        },
        Alarm {
            id: logical("DeadAlarm", name),
            name: format!("{name}-dead"),
            why: "Messages that nobody could read, that came a thousand times, or that Scheduler could not deliver. \
                  They are dead letters now, or wait to become some",
            most: 0,
            periods: 1,
            statistic: "Sum",
            // The dispatcher takes them out at once; where it does not, they are still there.
            metrics: vec![dead("NumberOfMessagesReceived"), dead("ApproximateNumberOfMessagesVisible")],
        },
    ]
}

fn failures() -> Alarm<'static> {
    Alarm {
        id: "FailuresAlarm".to_owned(),
        name: "failures-late".to_owned(),
        why: "Failed invocations are not looked at: their calls wait until leases end by themselves",
        most: FAILURES_LATE_S,
        periods: 1,
        statistic: "Maximum",
        metrics: vec![sqs(FAILURES, LATE)],
    }
}

fn of_function(id: &str, name: &str) -> Vec<Alarm<'static>> {
    let alarm = |(end, metric, periods, why): (&str, &'static str, u32, &'static str)| Alarm {
        id: logical("Alarm", &format!("{id}-{end}")),
        name: format!("{name}-{end}"),
        why,
        most: 0,
        periods,
        statistic: "Sum",
        metrics: vec![lambda(id, metric)],
    };
    FUNCTION.into_iter().map(alarm).collect()
}

/// What goes wrong with a worker besides: on the way to it, and with the reports of its failures.
fn of_worker(fleet: &Fleet<'_>, class: Class) -> Vec<Alarm<'static>> {
    let id = worker(class);
    let name = class.map_or_else(|| "worker".to_owned(), |memory| format!("worker-{memory}"));
    let mut alarms = of_function(&id, &name);
    alarms.push(Alarm {
        id: logical("Alarm", &format!("{id}-late")),
        name: format!("{name}-late"),
        why: "Events wait in Lambda, out of sight, for free concurrency: lower the cap, or have the quota raised",
        // In milliseconds: half of the time after which an event is given up.
        most: fleet.hidden().as_secs() * 500,
        periods: 1,
        statistic: "Maximum",
        metrics: vec![lambda(&id, "AsyncEventAge")],
    });
    alarms.push(Alarm {
        id: logical("Alarm", &format!("{id}-unreported")),
        name: format!("{name}-unreported"),
        why: "Failed invocations could not be reported: their calls wait until leases end by themselves",
        most: 0,
        periods: 1,
        statistic: "Sum",
        metrics: vec![lambda(&id, "DestinationDeliveryFailures")],
    });
    alarms
}

fn table() -> [Alarm<'static>; 2] {
    let metric = |name, operation: Option<&str>| {
        let operation = operation.map(|operation| ("Operation", json!(operation)));
        let of = [("TableName", reference(TABLE))].into_iter().chain(operation).collect();
        Metric { namespace: "AWS/DynamoDB", name, of }
    };
    [
        Alarm {
            id: "TableThrottlesAlarm".to_owned(),
            name: "table-throttles".to_owned(),
            why: "The ledger is asked for more than DynamoDB gives yet, and calls wait. A new table takes about 4,000 \
                  writes a second, and more soon after",
            most: 0,
            periods: 3,
            statistic: "Sum",
            metrics: vec![metric("ReadThrottleEvents", None), metric("WriteThrottleEvents", None)],
        },
        Alarm {
            id: "TableErrorsAlarm".to_owned(),
            name: "table-errors".to_owned(),
            why: "DynamoDB fails. No call runs unguarded: they wait until it answers",
            most: 0,
            periods: 1,
            statistic: "Sum",
            metrics: OPERATIONS.iter().map(|operation| metric("SystemErrors", Some(operation))).collect(),
        },
    ]
}

fn schedules() -> Alarm<'static> {
    let metric = |name| Metric { namespace: "AWS/Scheduler", name, of: vec![("ScheduleGroup", reference(SCHEDULES))] };
    Alarm {
        id: "SchedulesAlarm".to_owned(),
        name: "schedules-unsent".to_owned(),
        why: "Runs of schedules or delayed calls were not sent, or not at once. What Scheduler gave up lies in the \
              dead-letter queues",
        most: 0,
        periods: 1,
        statistic: "Sum",
        metrics: UNSENT.map(metric).to_vec(),
    }
}

fn sqs(id: &str, name: &'static str) -> Metric<'static> {
    let queue = json!({ "Fn::GetAtt": [id, "QueueName"] });
    Metric { namespace: "AWS/SQS", name, of: vec![("QueueName", queue)] }
}

fn lambda(id: &str, name: &'static str) -> Metric<'static> {
    Metric { namespace: "AWS/Lambda", name, of: vec![("FunctionName", reference(id))] }
}
