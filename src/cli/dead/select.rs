//! Which dead letters `retry` and `drop` are about.

use std::future::Future;

use celeriac_core::{
    id::{BatchId, TaskId},
    ports::{DeadLetter, DeadLetters, DeadQuery},
};
use clap::Args;

use super::super::exit::Failure;

/// How many are worked on at a time: however many there are, memory stays the same.
const PAGE: usize = 1_000;

/// Which dead letters.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Select {
    /// These calls, as `dead list` prints them
    #[arg(value_name = "ID", conflicts_with_all = ["task", "batch", "all"])]
    ids: Vec<TaskId>,

    /// All of this task
    #[arg(long, value_name = "NAME")]
    task: Option<String>,

    /// All of this batch
    #[arg(long, value_name = "ID")]
    batch: Option<BatchId>,

    /// All there are
    #[arg(long, conflicts_with_all = ["task", "batch"])]
    all: bool,
}

/// What was done.
pub(super) struct Selected {
    /// To how many it was done.
    pub(super) count: u64,
    /// The calls that were named and are no dead letters.
    pub(super) missing: Vec<TaskId>,
}

impl Select {
    /// Whether all dead letters are meant.
    pub(super) fn is_all(&self) -> bool {
        self.all
    }

    /// Does something to each page of the dead letters that are meant; it answers to how many it was done.
    pub(super) async fn each<A, F>(self, letters: &dyn DeadLetters, mut act: A) -> Result<Selected, Failure>
    where
        A: FnMut(Vec<DeadLetter>) -> F,
        F: Future<Output = Result<u64, Failure>>,
    {
        let mut selected = Selected { count: 0, missing: Vec::new() };
        for ids in self.ids.chunks(PAGE) {
            let mut page = Vec::with_capacity(ids.len());
            for id in ids {
                match letters.get(*id).await? {
                    Some(letter) => page.push(letter),
                    None => selected.missing.push(*id),
                }
            }
            selected.count += act(page).await?;
        }
        let mut after = None;
        while self.ids.is_empty() {
            let query = DeadQuery::new(PAGE).batch(self.batch).task(self.task.clone()).after(after);
            let page = letters.list(query).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            selected.count += act(page).await?;
        }
        Ok(selected)
    }
}

impl Selected {
    /// An error that names the calls that are no dead letters, if there are any.
    pub(super) fn complete(&self) -> Result<(), Failure> {
        let missing: Vec<String> = self.missing.iter().map(ToString::to_string).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::NotFound(format!("no dead letters: {}; `status ID` says where a call stands", missing.join(", "))))
    }
}
