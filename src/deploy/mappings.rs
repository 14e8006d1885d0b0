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
    let dispatchers = fleet.settings.dispatcher.concurrency;
    for (name, served) in &fleet.queues {
        let id = logical("Mapping", name);
        match served.road {
            Road::Wide => add_mapping(template, &id, &queue(name), DISPATCHER, dispatchers),
            Road::Narrow => add_mapping(template, &id, &queue(name), &worker(served.class), served.concurrency),
            Road::Process => {}
        }
        add_mapping(template, &logical("DeadMapping", name), &dead_queue(name), DISPATCHER, LEAST);
    }
    add_mapping(template, "FailuresMapping", FAILURES, DISPATCHER, LEAST);
}

/// The least concurrency of a mapping, for queues that are almost always empty.
const LEAST: u32 = 2;

fn add_mapping(template: &mut Template, id: &str, queue: &str, function: &str, concurrency: u32) {
    let properties = json!({
        "EventSourceArn": arn(queue),
        "FunctionName": reference(function),
        "BatchSize": BATCH,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": { "MaximumConcurrency": concurrency },
    });
    template.add(id, "AWS::Lambda::EventSourceMapping", properties);
}
