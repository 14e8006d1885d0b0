//! Defines an alarm for every way in which a call could be lost or late. `docs/deploy.md` has the cure for each.

use serde_json::json;

use super::{
    alarm::{Alarm, Metric},
    fleet::{Class, Fleet},
    names::{DISPATCHER, FAILURES, SCHEDULES, TABLE, dead_queue, logical, queue, reference, worker},
    template::Template,
};

/// The dispatcher takes reports of failures and dead letters at once. One of this age, in seconds, was not taken.
const UNTAKEN_S: u64 = 900;

/// An alarm for any part: the end of its name, the metric, how many periods in a row, and the reason.
type Kind = (&'static str, &'static str, u32, &'static str);

const FUNCTION: [Kind; 3] = [
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

const THROTTLED: &str = "DynamoDB throttles the ledger, and calls wait. A new table takes about 4,000 \
     writes a second, and more soon after";

/// Throttles of the table.
const TABLE_THROTTLES: [Kind; 2] = [
    ("table-read-throttles", "ReadThrottleEvents", 3, THROTTLED),
    ("table-write-throttles", "WriteThrottleEvents", 3, THROTTLED),
];

/// The operations of claims and finishes, without which no call runs. The end of the alarm's name comes first.
const OPERATIONS: [(&str, &str); 2] = [("update", "UpdateItem"), ("transaction", "TransactWriteItems")];

const SCHEDULER: [Kind; 4] = [
    (
        "schedules-dropped",
        "InvocationDroppedCount",
        1,
        "Scheduler gave up runs or delayed calls; they are dead letters now, or wait in a dead-letter queue to become some",
    ),
    (
        "schedules-lost",
        "InvocationsFailedToBeSentToDeadLetterCount",
        1,
        "Scheduler gave up runs or delayed calls and could not keep them: send them again",
    ),
    (
        "schedules-failing",
        "TargetErrorCount",
        1,
        "Scheduler cannot send runs or delayed calls, and tries again for a day: is its role allowed to send to the queue?",
    ),
    (
        "schedules-throttled",
        "InvocationThrottleCount",
        3,
        "More is due at once than Scheduler sends in a second, and calls are late: have its quota raised",
    ),
];

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    if !fleet.settings.alarms.enabled {
        return;
    }
    let queues = fleet.queues.keys().flat_map(|name| of_queue(fleet, name));
    let dispatcher = of_function(DISPATCHER, "dispatcher");
    let workers = fleet.workers.keys().flat_map(|class| of_worker(fleet, *class));
    let alarms = queues.chain([failures()]).chain(dispatcher).chain(workers).chain(of_table()).chain(of_schedules());
    let alarms = alarms.chain(of_calls(fleet));
    for alarm in alarms {
        alarm.add(template, fleet);
    }
}

fn of_queue(fleet: &Fleet<'_>, name: &str) -> [Alarm; 3] {
    let alarm = |end: &str, metric, most, why| {
        let name = format!("{name}-{end}");
        Alarm { id: logical("Alarm", &format!("queue-{name}")), name, metric, most, periods: 1, why }
    };
    [
        alarm(
            "late",
            age(&queue(name)),
            fleet.settings.alarms.late.as_secs(),
            "Calls wait too long: too little concurrency, a function that fails, or a mapping that is switched off",
        ),
        alarm(
            "dead",
            sqs(&dead_queue(name), "NumberOfMessagesReceived", "Sum"),
            0,
            "Messages were unreadable, were received a thousand times, or could not be delivered by Scheduler. They \
             are dead letters now",
        ),
        alarm(
            "dead-untaken",
            age(&dead_queue(name)),
            UNTAKEN_S,
            "Dead messages are not made dead letters: the dispatcher fails, or its mapping is switched off. SQS deletes \
             them after 14 days",
        ),
    ]
}

fn failures() -> Alarm {
    Alarm {
        id: "FailuresAlarm".to_owned(),
        name: "failures-untaken".to_owned(),
        metric: age(FAILURES),
        most: UNTAKEN_S,
        periods: 1,
        why: "Reports of failed invocations are not handled: their calls wait until leases end",
    }
}

fn of_function(id: &str, name: &str) -> Vec<Alarm> {
    let alarm = |(end, metric, periods, why): Kind| Alarm {
        id: logical("Alarm", &format!("{id}-{end}")),
        name: format!("{name}-{end}"),
        metric: lambda(id, metric, "Sum"),
        most: 0,
        periods,
        why,
    };
    FUNCTION.into_iter().map(alarm).collect()
}

/// Further alarms of a worker: for events that wait in Lambda, and for lost reports of its failures.
fn of_worker(fleet: &Fleet<'_>, class: Class) -> Vec<Alarm> {
    let id = worker(class);
    let name = class.map_or_else(|| "worker".to_owned(), |memory| format!("worker-{memory}"));
    let mut alarms = of_function(&id, &name);
    alarms.push(Alarm {
        id: logical("Alarm", &format!("{id}-late")),
        name: format!("{name}-late"),
        metric: lambda(&id, "AsyncEventAge", "Maximum"),
        // In milliseconds: half of the time after which an event is dropped.
        most: fleet.hidden().as_secs() * 500,
        periods: 1,
        why: "Events wait in Lambda, out of sight, for free concurrency: lower the cap, or have the quota raised",
    });
    alarms.push(Alarm {
        id: logical("Alarm", &format!("{id}-unreported")),
        name: format!("{name}-unreported"),
        metric: lambda(&id, "DestinationDeliveryFailures", "Sum"),
        most: 0,
        periods: 1,
        why: "Failed invocations could not be reported: their calls wait until leases end by themselves",
    });
    alarms
}

fn of_table() -> Vec<Alarm> {
    let of = || vec![("TableName", reference(TABLE))];
    let metric = |name, of| Metric { namespace: "AWS/DynamoDB", name, of, statistic: "Sum" };
    let throttles = TABLE_THROTTLES.into_iter().map(|(name, throttles, periods, why)| {
        let (id, metric) = (logical("Alarm", name), metric(throttles, of()));
        Alarm { id, name: name.to_owned(), metric, most: 0, periods, why }
    });
    let errors = OPERATIONS.into_iter().map(|(end, operation)| {
        let name = format!("table-{end}-errors");
        let of = of().into_iter().chain([("Operation", json!(operation))]).collect();
        let (id, metric) = (logical("Alarm", &name), metric("SystemErrors", of));
        let why = "DynamoDB fails. No call runs unguarded: they wait until it answers";
        Alarm { id, name, metric, most: 0, periods: 1, why }
    });
    throttles.chain(errors).collect()
}

fn of_schedules() -> Vec<Alarm> {
    let alarm = |(name, metric, periods, why): Kind| {
        let of = vec![("ScheduleGroup", reference(SCHEDULES))];
        let metric = Metric { namespace: "AWS/Scheduler", name: metric, of, statistic: "Sum" };
        Alarm { id: logical("Alarm", name), name: name.to_owned(), metric, most: 0, periods, why }
    };
    SCHEDULER.into_iter().map(alarm).collect()
}

/// The alarm for calls that failed for good, from the metrics that workers write. No queue's alarm ends in `failed`.
fn of_calls(fleet: &Fleet<'_>) -> Option<Alarm> {
    let of = vec![("Stack", json!(fleet.stack.as_str()))];
    fleet.settings.metrics.then(|| Alarm {
        id: "CallsAlarm".to_owned(),
        name: "calls-failed".to_owned(),
        metric: Metric { namespace: "Celeriac", name: "Dead", of, statistic: "Sum" },
        most: 0,
        periods: 1,
        why: "Calls will not be tried again and are dead letters now: their last attempt failed, or they were revoked, \
              expired or unknown. The metric Dead of each task says whose",
    })
}

/// The age of a queue's oldest message, in seconds.
fn age(queue: &str) -> Metric {
    sqs(queue, "ApproximateAgeOfOldestMessage", "Maximum")
}

fn sqs(id: &str, name: &'static str, statistic: &'static str) -> Metric {
    let queue = json!({ "Fn::GetAtt": [id, "QueueName"] });
    Metric { namespace: "AWS/SQS", name, of: vec![("QueueName", queue)], statistic }
}

fn lambda(id: &str, name: &'static str, statistic: &'static str) -> Metric {
    Metric { namespace: "AWS/Lambda", name, of: vec![("FunctionName", reference(id))], statistic }
}
