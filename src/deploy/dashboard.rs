//! Defines the `CloudWatch` dashboard of a stack: backlog, pace, functions, and the ledger.

use serde_json::{Value, json};

use super::{fleet::Fleet, names::text, template::Template};

/// The width and height of a graph; a dashboard is 24 wide.
const SIZE: (u32, u32) = (12, 6);

/// The period of a graph's points, in seconds.
const PERIOD_S: u32 = 300;

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    if !fleet.settings.dashboard {
        return;
    }
    let body = json!({ "widgets": graphs(fleet) });
    // The region is filled in by `CloudFormation`.
    let properties = json!({ "DashboardName": fleet.stack.as_str(), "DashboardBody": text(body.to_string()) });
    template.add("Dashboard", "AWS::CloudWatch::Dashboard", properties);
}

fn graphs(fleet: &Fleet<'_>) -> Vec<Value> {
    let queues: Vec<String> = fleet.queues.keys().map(|name| fleet.stack.queue(name)).collect();
    let dead = fleet.queues.keys().map(|name| fleet.stack.dead_queue(name));
    let dead: Vec<String> = dead.chain([fleet.stack.failures_queue()]).collect();
    let workers = fleet.workers.keys().map(|class| fleet.stack.worker(*class));
    let functions: Vec<String> = workers.chain([fleet.stack.dispatcher()]).collect();
    let sqs = |queues: &[String], metric| lines("AWS/SQS", metric, "QueueName", queues);
    let lambda = |metric| lines("AWS/Lambda", metric, "FunctionName", &functions);
    let table = |metric| lines("AWS/DynamoDB", metric, "TableName", &[fleet.stack.table()]);
    vec![
        graph("Messages that wait", "Maximum", &sqs(&queues, "ApproximateNumberOfMessagesVisible")),
        graph("Messages that run or are hidden", "Maximum", &sqs(&queues, "ApproximateNumberOfMessagesNotVisible")),
        graph("Messages done", "Sum", &sqs(&queues, "NumberOfMessagesDeleted")),
        graph("Dead messages and reports of failures", "Maximum", &sqs(&dead, "ApproximateNumberOfMessagesVisible")),
        graph("Functions at a time", "Maximum", &lambda("ConcurrentExecutions")),
        graph("Duration, ms", "p95", &lambda("Duration")),
        graph("Errors", "Sum", &lambda("Errors")),
        graph("Throttles", "Sum", &lambda("Throttles")),
        graph(
            "Units of the ledger",
            "Sum",
            &both(table("ConsumedWriteCapacityUnits"), table("ConsumedReadCapacityUnits")),
        ),
        graph("Throttles of the ledger", "Sum", &both(table("WriteThrottleEvents"), table("ReadThrottleEvents"))),
    ]
}

fn both(one: Vec<Value>, other: Vec<Value>) -> Vec<Value> {
    [one, other].concat()
}

/// A line for each resource.
fn lines(namespace: &str, metric: &str, dimension: &str, resources: &[String]) -> Vec<Value> {
    resources.iter().map(|name| json!([namespace, metric, dimension, name])).collect()
}

fn graph(title: &str, stat: &str, metrics: &[Value]) -> Value {
    json!({
        "type": "metric",
        "width": SIZE.0,
        "height": SIZE.1,
        "properties": {
            "title": title,
            "region": "${AWS::Region}",
            "stat": stat,
            "period": PERIOD_S,
            "metrics": metrics,
        },
    })
}
