//! `batches`: lists the newest batches and their progress.

use celeriac_core::ports::{BatchRecord, Reason, Tally};
use clap::Args;
use serde::Serialize;

use super::{
    exit::Failure,
    print::{self, Table, Time},
    session::Session,
};

/// The newest batches and their progress, newest first
///
/// A batch is what one `fan_out` accepted. Single calls have no batch record, and are not listed.
#[derive(Debug, Args)]
pub(super) struct Batches {
    /// The most to show
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

#[derive(Serialize)]
struct Answer {
    batches: Vec<BatchView>,
}

/// A batch, for people and scripts.
#[derive(Serialize)]
pub(super) struct BatchView {
    id: String,
    name: String,
    task: String,
    state: &'static str,
    accepted: u64,
    ended: u64,
    dead: u64,
    tally: Tally,
    created: Time,
    finished: Option<Time>,
}

impl Batches {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        let ports = session.ports()?;
        let now_ms = ports.clock.now_ms();
        let batches = ports.batches.list(self.limit as usize).await?;
        let batches: Vec<BatchView> = batches.into_iter().map(BatchView::from).collect();
        if session.json() {
            return print::write_json(&Answer { batches });
        }
        if batches.is_empty() {
            return print::write("no batches yet: fan_out makes them\n");
        }
        let mut table =
            Table::new(&["BATCH", "NAME", "TASK", "STATE", ">CALLS", ">SUCCEEDED", ">DEAD", ">LEFT", "CREATED"]);
        for batch in batches {
            table.row([
                batch.id,
                print::short(&batch.name, 32),
                batch.task,
                batch.state.to_owned(),
                batch.accepted.to_string(),
                batch.tally.succeeded.to_string(),
                batch.dead.to_string(),
                batch.accepted.saturating_sub(batch.ended).to_string(),
                batch.created.with_age(now_ms),
            ]);
        }
        print::write(&table.to_string())
    }
}

impl From<BatchRecord> for BatchView {
    fn from(batch: BatchRecord) -> Self {
        let ended = batch.tally.ended();
        let state = match &batch {
            BatchRecord { revoked: true, .. } => "revoked",
            BatchRecord { closed: false, .. } => "open",
            BatchRecord { accepted, .. } if ended >= *accepted => "finished",
            _ => "running",
        };
        Self {
            id: batch.id.to_string(),
            name: batch.name,
            task: batch.task,
            state,
            accepted: batch.accepted,
            ended,
            dead: batch.tally.dead(),
            tally: batch.tally,
            created: Time(batch.created_ms),
            finished: batch.finished_ms.map(Time),
        }
    }
}

impl BatchView {
    /// All its fields, one a line.
    pub(super) fn lines(&self, now_ms: u64) -> String {
        print::fields(&[
            ("batch", self.id.clone()),
            ("name", self.name.clone()),
            ("task", self.task.clone()),
            ("state", self.state.to_owned()),
            ("accepted", self.accepted.to_string()),
            ("succeeded", self.tally.succeeded.to_string()),
            ("dead", dead(&self.tally)),
            ("left", self.accepted.saturating_sub(self.ended).to_string()),
            ("retries", self.tally.retries.to_string()),
            ("created", self.created.with_age(now_ms)),
            ("finished", self.finished.map_or_else(|| "-".to_owned(), |at| at.with_age(now_ms))),
        ])
    }
}

/// How many are dead, and for which reasons.
fn dead(tally: &Tally) -> String {
    let kind = |reason: Reason| {
        let count = tally.of(reason);
        (count > 0).then(|| format!("{count} {}", reason.as_str().replace('_', " ")))
    };
    let kinds: Vec<String> = Reason::ALL.into_iter().filter_map(kind).collect();
    match tally.dead() {
        0 => "0".to_owned(),
        total => format!("{total} ({})", kinds.join(", ")),
    }
}
