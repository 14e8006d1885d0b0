//! `tasks`: lists the tasks that are linked into this program.

use celeriac_core::{
    ports::{Clock, SystemClock},
    schedule::Schedule,
    store::{self, StoreUrl},
    task::{Body, Fields, TaskDef},
};
use clap::Args;
use serde::Serialize;

use super::{
    common::Common,
    exit::Failure,
    print::{self, Table, Time, span},
    session,
};
use crate::stderr;

/// The tasks of this program, with their arguments, options and schedules
#[derive(Debug, Args)]
pub(super) struct Tasks {}

#[derive(Serialize)]
struct Answer {
    tasks: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    alias: Option<&'static str>,
    args: &'static [&'static str],
    /// Whether it takes further arguments, because some are flattened.
    more_args: bool,
    queue: &'static str,
    blocking: bool,
    retries: u32,
    backoff_ms: (u64, u64),
    timeout_ms: u64,
    concurrency: Option<u32>,
    expires_ms: Option<u64>,
    memory_mb: Option<u32>,
    at_most_once: bool,
    schedule: Option<&'static str>,
    timezone: Option<&'static str>,
    next: Option<Time>,
    file: &'static str,
    line: u32,
}

impl Tasks {
    pub(super) fn run(common: &Common) -> Result<(), Failure> {
        let now_ms = SystemClock::new().now_ms();
        let registry = session::registry()?;
        let (mut rows, mut wrong) = (Vec::new(), Vec::new());
        for def in registry.iter() {
            let schedule = Schedule::of(def, now_ms).unwrap_or_else(|error| {
                wrong.push(error.to_string());
                None
            });
            rows.push(Row::new(def, schedule.and_then(|schedule| schedule.next_after(now_ms))));
        }
        let rows_are_due = rows.iter().any(|row| row.next.is_some());
        if common.json {
            print::write_json(&Answer { tasks: rows })?;
        } else {
            print::write(&text(&rows, now_ms))?;
        }
        if rows_are_due && let Some(store) = unserved(common) {
            stderr::say(format_args!(
                "warning: no worker is alive on `{store}`: scheduled tasks do not run until `worker` or `dev` is started there"
            ));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Failure::Start(wrong.join("\n"))) }
    }
}

/// The store, if it is there and known to have no worker. Without a store there is nothing to say.
fn unserved(common: &Common) -> Option<StoreUrl> {
    let url = common.store().ok()?.url().ok()??;
    store::workers(&url).are_absent().then_some(url)
}

fn text(rows: &[Row], now_ms: u64) -> String {
    let mut table = Table::new(&["TASK", "QUEUE", ">RETRIES", ">TIMEOUT", "WRITTEN AT"]);
    let mut schedules = Table::new(&["SCHEDULED", "WHEN", "TIME ZONE", "NEXT"]);
    for row in rows {
        table.row([
            row.signature(),
            row.queue.to_owned(),
            row.retries.to_string(),
            span(row.timeout_ms),
            format!("{}:{}", row.file, row.line),
        ]);
        if let (Some(schedule), Some(timezone)) = (row.schedule, row.timezone) {
            let next = row.next.map_or_else(|| "never".to_owned(), |next| next.with_age(now_ms));
            schedules.row([row.name.to_owned(), schedule.to_owned(), timezone.to_owned(), next]);
        }
    }
    if rows.iter().any(|row| row.schedule.is_some()) { format!("{table}\n{schedules}") } else { table.to_string() }
}

impl Row {
    fn signature(&self) -> String {
        let more = self.more_args.then_some("..");
        let args: Vec<&str> = self.args.iter().copied().chain(more).collect();
        format!("{}({})", self.name, args.join(", "))
    }

    fn new(def: &TaskDef, next_ms: Option<u64>) -> Self {
        let options = &def.options;
        let ms = |duration: std::time::Duration| duration.as_millis() as u64;
        let blocking = matches!(def.body, Body::Blocking(_));
        Self {
            name: def.name,
            alias: options.alias,
            args: def.arg_names(),
            more_args: (def.fields)() == Fields::Open,
            queue: options.queue,
            blocking,
            retries: options.retries,
            backoff_ms: (ms(options.backoff.0), ms(options.backoff.1)),
            timeout_ms: ms(options.timeout),
            concurrency: (options.has_concurrency || !blocking).then_some(options.concurrency),
            expires_ms: options.expires.map(ms),
            memory_mb: options.memory,
            at_most_once: options.at_most_once,
            schedule: options.schedule,
            timezone: options.schedule.map(|_| options.timezone),
            next: next_ms.map(Time),
            file: def.at.0,
            line: def.at.1,
        }
    }
}
