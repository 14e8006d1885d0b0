//! Defines queries for the log lines of a stack, in `CloudWatch` Logs Insights.

use serde_json::{Value, json};

use super::{
    fleet::Fleet,
    names::{DISPATCHER, log_group, reference, worker},
    template::Template,
};

/// The queries, each with its id in the template and its name.
const QUERIES: [(&str, &str, &str); 4] = [
    (
        "ErrorsQuery",
        "errors",
        "fields @timestamp, level, span.task, span.id, message, error\n\
         | filter level in [\"ERROR\", \"WARN\"]\n\
         | sort @timestamp desc\n\
         | limit 200",
    ),
    (
        "CallQuery",
        "one call",
        "fields @timestamp, level, span.task, span.attempt, message, @logStream\n\
         | filter span.id = \"PUT THE ID OF A CALL HERE\"\n\
         | sort @timestamp",
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
