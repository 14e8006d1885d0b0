//! `dead list`: lists dead letters, page by page.

use celeriac_core::{
    id::{BatchId, TaskId},
    ports::DeadQuery,
};
use clap::Args;
use serde::Serialize;

use super::{
    super::{
        exit::Failure,
        print::{self, Table, Time},
        session::Session,
    },
    letter::{Letter, Shown},
};

/// Lists dead letters by their ids, the oldest calls first
///
/// An id begins with the time when its batch or call was sent. Ids of calls with a `unique` key and of scheduled runs
/// have no time: they stand anywhere. If there are more letters than --limit, --after shows the next ones.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only of this task
    #[arg(long, value_name = "NAME")]
    task: Option<String>,

    /// Only of this batch
    #[arg(long, value_name = "ID")]
    batch: Option<BatchId>,

    /// Only letters after this one: the last one of the previous page
    #[arg(long, value_name = "ID")]
    after: Option<TaskId>,

    /// The most to show
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,

    #[command(flatten)]
    shown: Shown,
}

#[derive(Serialize)]
struct Answer {
    dead: Vec<Letter>,
    /// Where the next page starts, if there is one: pass it to `--after`.
    next: Option<String>,
}

impl List {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        let ports = session.ports()?;
        let now_ms = ports.clock.now_ms();
        let limit = self.limit as usize;
        let query = DeadQuery::new(limit + 1).batch(self.batch).task(self.task).after(self.after);
        let mut dead = ports.dead_letters.list(query).await?;
        let more = dead.len() > limit;
        dead.truncate(limit);
        let next = more.then(|| dead.last().map(|letter| letter.id.to_string())).flatten();
        if session.json() {
            return print::write_json(&Answer { dead: self.shown.letters(dead), next });
        }
        if dead.is_empty() {
            return print::write("no dead letters\n");
        }
        let mut table = Table::new(&["CALL", "TASK", "REASON", ">ATTEMPTS", "DIED", "MESSAGE"]);
        for letter in dead {
            table.row([
                letter.id.to_string(),
                letter.task,
                letter.reason.as_str().to_owned(),
                letter.attempts.to_string(),
                Time(letter.died_ms).with_age(now_ms),
                print::short(&letter.message, 60),
            ]);
        }
        let more = next.map_or_else(String::new, |next| format!("there are more: --after {next}\n"));
        print::write(&(table.to_string() + &more))
    }
}
