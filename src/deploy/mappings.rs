//! Defines the event-source mappings: wide queues, failed invocations and dead letters go to the dispatcher, narrow
//! queues to a worker.

use serde_json::json;

use super::{
    fleet::Fleet,
    names::{DISPATCHER, FAILURES, arn, dead_queue, logical, queue, reference, worker},
    settings::Road,
    template::Template,
};

/// The most messages at a time that Lambda delivers without waiting for more. Ten parcels are at most 2.6 MB, and 6 MB
/// fit.
const BATCH: u32 = 10;

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    let dispatchers = fleet.settings.dispatchers();
    for (name, served) in &fleet.queues {
        let id = logical("Mapping", name);
        match served.road {
            Road::Wide => add_mapping(template, &id, &queue(name), DISPATCHER, Some(dispatchers)),
            Road::Narrow => add_mapping(template, &id, &queue(name), &worker(served.class), Some(served.concurrency)),
            Road::Process => {}
        }
        add_mapping(template, &logical("DeadMapping", name), &dead_queue(name), DISPATCHER, None);
    }
    add_mapping(template, "FailuresMapping", FAILURES, DISPATCHER, None);
}

/// Adds a mapping. One without a limit polls an empty queue with two pollers instead of five, which are paid for all
/// the time (`Using Lambda with Amazon SQS` in the guide of Lambda). Queues that are almost always empty have none.
fn add_mapping(template: &mut Template, id: &str, queue: &str, function: &str, concurrency: Option<u32>) {
    let properties = json!({
        "EventSourceArn": arn(queue),
        "FunctionName": reference(function),
        "BatchSize": BATCH,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": concurrency.map(|most| json!({ "MaximumConcurrency": most })),
    });
    template.add(id, "AWS::Lambda::EventSourceMapping", properties);
}
