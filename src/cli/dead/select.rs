//! Selects the dead letters for `retry` and `drop`.

use std::future::Future;

use celeriac_core::{
    id::{BatchId, TaskId},
    ports::{DeadLetter, DeadLetters, DeadQuery},
};
use clap::Args;

use super::super::exit::Failure;

/// How many letters are processed at a time, so that memory use is bounded.
const PAGE: usize = 1_000;

/// The selected dead letters.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Select {
    /// These calls, as `dead list` prints them
    #[arg(value_name = "ID", conflicts_with_all = ["task", "batch", "all"])]
    ids: Vec<TaskId>,

    /// All letters of this task
    #[arg(long, value_name = "NAME")]
    task: Option<String>,

    /// All letters of this batch
    #[arg(long, value_name = "ID")]
    batch: Option<BatchId>,

    /// All letters
    #[arg(long, conflicts_with_all = ["task", "batch"])]
    all: bool,
}

/// The outcome of an action on dead letters.
pub(super) struct Selected {
    /// How many letters were processed.
    pub(super) count: u64,
    /// The named calls that are not dead letters.
    pub(super) missing: Vec<TaskId>,
}

impl Select {
    /// Whether all dead letters are selected.
    pub(super) fn is_all(&self) -> bool {
        self.all
    }

    /// Applies an action to each page of the selected dead letters. The action returns how many it processed.
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
    /// An error that names the calls that are not dead letters, if there are any.
    pub(super) fn complete(&self) -> Result<(), Failure> {
        let missing: Vec<String> = self.missing.iter().map(ToString::to_string).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::NotFound(format!("no dead letters: {}; `status ID` says where a call stands", missing.join(", "))))
    }
}
