//! The metrics of an invocation: a line for each task in the embedded metric format of `CloudWatch`, which makes metrics
//! of it ("Embedded metric format specification"). The costs are per invocation, as those of a log line.

use std::{
    collections::BTreeMap,
    env, fmt,
    io::Write,
    sync::{Mutex, PoisonError},
};

use celeriac_aws::Stack;
use celeriac_core::ports::utc;
use celeriac_worker::{Settled, Summary};
use serde::Serialize;
use serde_json::value::RawValue;

/// What `CloudWatch` extracts from each line. The stack has only the metric that its alarm watches: each costs the same
/// again.
const DIRECTIVES: &str = concat!(
    r#"[{"Namespace":"Celeriac","Dimensions":[["Stack","Task"]],"Metrics":["#,
    r#"{"Name":"Succeeded","Unit":"Count"},{"Name":"Dead","Unit":"Count"},{"Name":"Retried","Unit":"Count"},"#,
    r#"{"Name":"RunTime","Unit":"Milliseconds"},{"Name":"WaitTime","Unit":"Milliseconds"}]},"#,
    r#"{"Namespace":"Celeriac","Dimensions":[["Stack"]],"Metrics":[{"Name":"Dead","Unit":"Count"}]}]"#,
);

/// The most values of a metric in one line. An invocation has fewer parcels.
const MOST_VALUES: usize = 100;

/// Writes the metrics of invocations.
pub(super) struct Metrics {
    stack: Stack,
    level: &'static str,
    out: Mutex<Box<dyn Write + Send>>,
}

/// A line. It has a level and a time, since Lambda drops lines below the function's level, and counts one without either
/// as `INFO` ("Log-level filtering"). Metrics are written whatever the level is.
#[derive(Serialize)]
struct Line<'a> {
    level: &'a str,
    timestamp: String,
    _aws: Metadata<'a>,
    #[serde(rename = "Stack")]
    stack: &'a str,
    #[serde(rename = "Task")]
    task: &'a str,
    #[serde(rename = "Succeeded")]
    succeeded: u64,
    #[serde(rename = "Dead")]
    dead: u64,
    #[serde(rename = "Retried")]
    retried: u64,
    #[serde(rename = "RunTime")]
    run_ms: Vec<u64>,
    #[serde(rename = "WaitTime")]
    wait_ms: Vec<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: u64,
    cloud_watch_metrics: &'a RawValue,
}

impl Metrics {
    /// Metrics of a stack's functions.
    pub(super) fn new(stack: Stack, out: impl Write + Send + 'static) -> Self {
        let level = env::var("AWS_LAMBDA_LOG_LEVEL");
        Self { stack, level: level_of(level.as_deref().unwrap_or_default()), out: Mutex::new(Box::new(out)) }
    }

    /// Writes what became of these parcels: a line for each of their tasks.
    pub(super) fn write(&self, settled: &[Settled], now_ms: u64) {
        let mut tasks: BTreeMap<&str, Vec<&Settled>> = BTreeMap::new();
        for parcel in settled {
            tasks.entry(&parcel.task).or_default().push(parcel);
        }
        for (task, parcels) in tasks {
            self.write_line(&self.line(task, &parcels, now_ms));
        }
    }

    fn line(&self, task: &str, parcels: &[&Settled], now_ms: u64) -> String {
        let mut sum = Summary::default();
        for parcel in parcels {
            sum += parcel.summary;
        }
        let values = |of: fn(&Settled) -> u64| parcels.iter().take(MOST_VALUES).map(|parcel| of(parcel)).collect();
        let directives: &RawValue = serde_json::from_str(DIRECTIVES).expect("the directives are JSON, see the tests");
        let line = Line {
            level: self.level,
            timestamp: utc(now_ms),
            _aws: Metadata { timestamp: now_ms, cloud_watch_metrics: directives },
            stack: self.stack.as_str(),
            task,
            succeeded: sum.succeeded,
            dead: sum.dead,
            retried: sum.retries,
            run_ms: values(|parcel| parcel.took_ms),
            wait_ms: values(|parcel| parcel.waited_ms),
        };
        serde_json::to_string(&line).expect("numbers and text have a JSON form")
    }

    /// In one write, so that no other line gets in between. A line that cannot be written is lost: calls go on.
    fn write_line(&self, line: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
    }
}

/// The level of a line that Lambda writes under this level of the function.
fn level_of(function: &str) -> &'static str {
    const HIGHER: [&str; 3] = ["WARN", "ERROR", "FATAL"];
    HIGHER.into_iter().find(|level| function.eq_ignore_ascii_case(level)).unwrap_or("INFO")
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("stack", &self.stack).field("level", &self.level).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_under_every_level_of_the_function() {
        for (function, line) in
            [("", "INFO"), ("TRACE", "INFO"), ("INFO", "INFO"), ("WARN", "WARN"), ("error", "ERROR")]
        {
            assert_eq!(level_of(function), line, "{function}");
        }
    }
}
