//! Defines an alarm for every known cause of late calls, for those who want to be told of the cause at once
//! (`alarms.causes`). `docs/deploy.md` has the cure for each.

use serde_json::json;

use super::{
    alarm::{Alarm, Metric},
    alarms::schedules,
    fleet::{Class, Fleet},
    names::{DISPATCHER, FAILURES, TABLE, dead_queue, logical, reference, worker},
};

/// An alarm for any part: the end of its name, the metric, how many periods in a row, and the reason.
pub(super) type Kind = (&'static str, &'static str, u64, &'static str);

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

const SCHEDULER: [Kind; 3] = [
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
        "schedules-throttled",
        "InvocationThrottleCount",
        3,
        "More is due at once than Scheduler sends in a second, and calls are late: have its quota raised",
    ),
];

/// All of them.
pub(super) fn all(fleet: &Fleet<'_>) -> Vec<Alarm> {
    let queues = fleet.queues.keys().map(|name| dead(name));
    let dispatcher = of_function(DISPATCHER, "dispatcher");
    let workers = fleet.workers.keys().flat_map(|class| of_worker(fleet, *class));
    let schedules = SCHEDULER.into_iter().map(schedules);
    queues.chain([failures(fleet)]).chain(dispatcher).chain(workers).chain(of_table()).chain(schedules).collect()
}

fn dead(queue: &str) -> Alarm {
    let name = format!("{queue}-dead");
    Alarm {
        id: logical("Alarm", &format!("queue-{name}")),
        name,
        watches: Metric::sqs(&dead_queue(queue), "NumberOfMessagesReceived", "Sum").into(),
        most: 0,
        periods: 1,
        why: "Messages were unreadable, were received a thousand times, or could not be delivered by Scheduler. They \
              are dead letters now",
    }
}

fn failures(fleet: &Fleet<'_>) -> Alarm {
    Alarm {
        id: "FailuresAlarm".to_owned(),
        name: "failures-untaken".to_owned(),
        watches: Metric::age(FAILURES).into(),
        most: fleet.untaken().as_secs(),
        periods: 1,
        why: "Reports of failed invocations are not handled: their calls wait until leases end",
    }
}

fn of_function(id: &str, name: &str) -> Vec<Alarm> {
    let alarm = |(end, metric, periods, why): Kind| Alarm {
        id: logical("Alarm", &format!("{id}-{end}")),
        name: format!("{name}-{end}"),
        watches: Metric::lambda(id, metric, "Sum").into(),
        most: 0,
        periods,
        why,
    };
    FUNCTION.into_iter().map(alarm).collect()
}

/// Further alarms of a worker: for events that wait in Lambda, and for lost reports of its failures. Their names end in
/// nothing that the name of a queue's alarm ends in, since a queue may be named `worker` too.
fn of_worker(fleet: &Fleet<'_>, class: Class) -> Vec<Alarm> {
    let id = worker(class);
    let name = class.map_or_else(|| "worker".to_owned(), |memory| format!("worker-{memory}"));
    let mut alarms = of_function(&id, &name);
    alarms.push(Alarm {
        id: logical("Alarm", &format!("{id}-event-age")),
        name: format!("{name}-event-age"),
        watches: Metric::lambda(&id, "AsyncEventAge", "Maximum").into(),
        // In milliseconds: half of the time after which an event is dropped.
        most: fleet.hidden().as_secs() * 500,
        periods: 1,
        why: "Events wait in Lambda, out of sight, for free concurrency: lower the cap, or have the quota raised",
    });
    alarms.push(Alarm {
        id: logical("Alarm", &format!("{id}-unreported")),
        name: format!("{name}-unreported"),
        watches: Metric::lambda(&id, "DestinationDeliveryFailures", "Sum").into(),
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
        let (id, watches) = (logical("Alarm", name), metric(throttles, of()).into());
        Alarm { id, name: name.to_owned(), watches, most: 0, periods, why }
    });
    let errors = OPERATIONS.into_iter().map(|(end, operation)| {
        let name = format!("table-{end}-errors");
        let of = of().into_iter().chain([("Operation", json!(operation))]).collect();
        let (id, watches) = (logical("Alarm", &name), metric("SystemErrors", of).into());
        let why = "DynamoDB fails. No call runs unguarded: they wait until it answers";
        Alarm { id, name, watches, most: 0, periods: 1, why }
    });
    throttles.chain(errors).collect()
}
