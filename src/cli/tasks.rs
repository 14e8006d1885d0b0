//! `tasks`: the tasks that are linked into this program.

use clap::Args;
use serde::Serialize;
use task_core::{
    ports::{Clock, SystemClock},
    schedule::Schedule,
    task::{Body, TaskDef},
};

use super::{
    exit::Failure,
    print::{self, Table, Time, span},
    session,
};

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
    queue: &'static str,
    blocking: bool,
    retries: u32,
    backoff_ms: (u64, u64),
    timeout_ms: u64,
    concurrency: u32,
    expires_ms: Option<u64>,
    at_most_once: bool,
    schedule: Option<&'static str>,
    timezone: Option<&'static str>,
    next: Option<Time>,
    file: &'static str,
    line: u32,
}

impl Tasks {
    pub(super) fn run(json: bool) -> Result<(), Failure> {
        let now_ms = SystemClock::new().now_ms();
        let registry = session::registry()?;
        let mut rows = Vec::new();
        for def in registry.iter() {
            let schedule = Schedule::of(def, now_ms).map_err(Failure::start)?;
            rows.push(Row::new(def, schedule.and_then(|schedule| schedule.next_after(now_ms))));
        }
        if json {
            return print::write_json(&Answer { tasks: rows });
        }
        let mut table = Table::new(&["TASK", "QUEUE", ">RETRIES", ">TIMEOUT", "WRITTEN AT"]);
        let mut schedules = Table::new(&["SCHEDULED", "WHEN", "TIME ZONE", "NEXT"]);
        for row in &rows {
            table.row([
                format!("{}({})", row.name, row.args.join(", ")),
                row.queue.to_owned(),
                row.retries.to_string(),
                span(row.timeout_ms),
                format!("{}:{}", row.file, row.line),
            ]);
            if let (Some(schedule), Some(timezone), Some(next)) = (row.schedule, row.timezone, row.next) {
                let next = next.with_age(now_ms);
                schedules.row([row.name.to_owned(), schedule.to_owned(), timezone.to_owned(), next]);
            }
        }
        let mut text = table.to_string();
        if rows.iter().any(|row| row.schedule.is_some()) {
            text = text + "\n" + &schedules.to_string();
        }
        print::write(&text)
    }
}

impl Row {
    fn new(def: &TaskDef, next_ms: Option<u64>) -> Self {
        let options = &def.options;
        let ms = |duration: std::time::Duration| duration.as_millis() as u64;
        Self {
            name: def.name,
            alias: options.alias,
            args: def.args,
            queue: options.queue,
            blocking: matches!(def.body, Body::Blocking(_)),
            retries: options.retries,
            backoff_ms: (ms(options.backoff.0), ms(options.backoff.1)),
            timeout_ms: ms(options.timeout),
            concurrency: options.concurrency,
            expires_ms: options.expires.map(ms),
            at_most_once: options.at_most_once,
            schedule: options.schedule,
            timezone: options.schedule.map(|_| options.timezone),
            next: next_ms.map(Time),
            file: def.at.0,
            line: def.at.1,
        }
    }
}
