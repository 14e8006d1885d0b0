//! Defines the event-source mappings: wide queues, failed invocations and dead letters go to the dispatcher, narrow
//! queues to a worker.

use serde_json::json;

use super::{
    fleet::Fleet,
    names::{DISPATCHER, FAILURES, arn, dead_queue, logical, queue, reference, worker},
    settings::Road,
    template::Template,
    versions::alias,
};

/// The most messages at a time that Lambda delivers without waiting for more. Ten parcels are at most 2.6 MB, and 6 MB
/// fit.
const BATCH: u32 = 10;

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    let dispatchers = fleet.settings.dispatchers();
    for (name, served) in &fleet.queues {
        let id = logical("Mapping", name);
        match served.road {
            Road::Wide => add_mapping(template, fleet, &id, (&queue(name), DISPATCHER), Some(dispatchers)),
            Road::Narrow => {
                let between = (&*queue(name), &*worker(served.class));
                add_mapping(template, fleet, &id, between, Some(served.concurrency));
            }
            Road::Process => {}
        }
        add_mapping(template, fleet, &logical("DeadMapping", name), (&dead_queue(name), DISPATCHER), None);
    }
    add_mapping(template, fleet, "FailuresMapping", (FAILURES, DISPATCHER), None);
}

/// Adds a mapping. One without a limit polls an empty queue with two pollers instead of five, which are paid for all
/// the time (`Using Lambda with Amazon SQS` in the guide of Lambda). Queues that are almost always empty have none.
fn add_mapping(
    template: &mut Template,
    fleet: &Fleet<'_>,
    id: &str,
    (queue, function): (&str, &str),
    concurrency: Option<u32>,
) {
    let invoked = if fleet.is_versioned() { alias(function) } else { function.to_owned() };
    let properties = json!({
        "EventSourceArn": arn(queue),
        "FunctionName": reference(&invoked),
        "BatchSize": BATCH,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": concurrency.map(|most| json!({ "MaximumConcurrency": most })),
    });
    template.add(id, "AWS::Lambda::EventSourceMapping", properties);
}
