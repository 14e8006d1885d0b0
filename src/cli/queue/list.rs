//! `queue list`: how full each queue is.

use celeriac_core::ports::Depth;
use clap::Args;
use serde::Serialize;

use super::{
    super::{
        exit::Failure,
        print::{self, Table, Time},
        session::Session,
    },
    unknown,
};

/// How full each queue is: ready, delayed, in flight, and since when the oldest waits. What `queue` alone does
///
/// A queue holds parcels, each of up to some thousands of calls of one task. `ready` can be received now, `delayed`
/// waits for its time, `in flight` is being worked on, `buried` cannot be read by any version that has tried.
#[derive(Debug, Default, Args)]
pub(super) struct List {
    /// Only these queues
    #[arg(value_name = "QUEUE")]
    queues: Vec<String>,
}

#[derive(Serialize)]
struct Answer {
    queues: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    queue: String,
    ready: u64,
    delayed: u64,
    in_flight: u64,
    buried: u64,
    oldest: Option<Time>,
    oldest_age_s: Option<u64>,
}

impl List {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        let ports = session.ports()?;
        let now_ms = ports.clock.now_ms();
        let mut depths = ports.queue.depths().await?;
        depths.retain(|depth| self.queues.is_empty() || self.queues.iter().any(|queue| *queue == *depth.queue));
        if let Some(name) = self.queues.iter().find(|queue| !depths.iter().any(|depth| *depth.queue == **queue)) {
            return Err(unknown(name));
        }
        depths.sort_by(|a, b| a.queue.cmp(&b.queue));
        if session.json() {
            let queues = depths.iter().map(|depth| Row::new(depth, now_ms)).collect();
            return print::write_json(&Answer { queues });
        }
        if depths.is_empty() {
            return print::write("no messages have been sent yet\n");
        }
        let mut table = Table::new(&["QUEUE", ">READY", ">DELAYED", ">IN FLIGHT", ">BURIED", "OLDEST READY"]);
        for depth in depths {
            table.row([
                depth.queue.to_string(),
                depth.ready.to_string(),
                depth.delayed.to_string(),
                depth.in_flight.to_string(),
                depth.buried.to_string(),
                depth.oldest_ms.map_or_else(|| "-".to_owned(), |ms| Time(ms).with_age(now_ms)),
            ]);
        }
        print::write(&table.to_string())
    }
}

impl Row {
    fn new(depth: &Depth, now_ms: u64) -> Self {
        Self {
            queue: depth.queue.to_string(),
            ready: depth.ready,
            delayed: depth.delayed,
            in_flight: depth.in_flight,
            buried: depth.buried,
            oldest: depth.oldest_ms.map(Time),
            oldest_age_s: depth.oldest_ms.map(|ms| now_ms.saturating_sub(ms) / 1_000),
        }
    }
}
