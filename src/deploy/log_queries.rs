//! Defines queries for the log lines of a stack, in `CloudWatch` Logs Insights.

use serde_json::{Value, json};

use super::{
    fleet::Fleet,
    names::{DISPATCHER, log_group, reference, worker},
    template::Template,
};

/// The queries, each with its id in the template and its name. A line about a call has the call's id itself, or is logged
/// within the call: then its span has it. `docs/stuck.md` says how to read what they show.
const QUERIES: [(&str, &str, &str); 5] = [
    (
        "ErrorsQuery",
        "errors",
        "fields @timestamp, level, coalesce(task, span.task) as of_task, coalesce(id, span.id) as call, message, error\n\
         | filter level in [\"ERROR\", \"WARN\"]\n\
         | sort @timestamp desc\n\
         | limit 200",
    ),
    (
        "CallQuery",
        "one call",
        "fields @timestamp, level, coalesce(attempt, span.attempt) as in_attempt, message, @logStream\n\
         | filter id = \"PUT THE ID OF A CALL HERE\" or span.id = \"PUT THE ID OF A CALL HERE\"\n\
         | sort @timestamp",
    ),
    (
        "LaunchesQuery",
        "launches",
        "filter message = \"dispatched\"\n\
         | stats sum(parcels) as received, sum(accepted) as launched, sum(refused) as put_back, sum(unknown) as unclear \
         by queue, bin(5m)",
    ),
    (
        "MemoryQuery",
        "memory and time",
        "filter type = \"platform.report\"\n\
         | stats count(*) as invocations, max(record.metrics.maxMemoryUsedMB) as used_mb,\n    \
         max(record.metrics.memorySizeMB) as size_mb, pct(record.metrics.durationMs, 95) as p95_ms,\n    \
         sum(record.metrics.billedDurationMs) / 1000 as billed_s by @log",
    ),
    (
        "StartsQuery",
        "starts",
        "filter type = \"platform.report\" and ispresent(record.metrics.initDurationMs)\n\
         | stats count(*) as starts, avg(record.metrics.initDurationMs) as average_ms,\n    \
         max(record.metrics.initDurationMs) as longest_ms by @log, bin(1h)",
    ),
];

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    if !fleet.settings.log_queries {
        return;
    }
    let functions = fleet.workers.keys().map(|class| worker(*class)).chain([DISPATCHER.to_owned()]);
    let groups: Vec<Value> = functions.map(|function| reference(&log_group(&function))).collect();
    for (id, name, query) in QUERIES {
        let name = format!("celeriac/{}/{name}", fleet.stack);
        let properties = json!({ "Name": name, "QueryString": query, "LogGroupNames": groups });
        template.add(id, "AWS::Logs::QueryDefinition", properties);
    }
}
