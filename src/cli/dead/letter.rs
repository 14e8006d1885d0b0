//! A dead letter, for people and scripts.

use celeriac_core::{ports::DeadLetter, task::Registry, wire::Json};
use clap::Args;
use serde::Serialize;

use super::super::{print::Time, session};

/// How arguments are shown: as their task reads them, without secrets.
#[derive(Debug, Args)]
pub(super) struct Shown {
    /// Show arguments as they were sent, including secrets, and including arguments of unknown tasks and those that do
    /// not fit their task
    #[arg(long)]
    reveal: bool,
}

/// A dead letter, for people and scripts.
#[derive(Serialize)]
pub(super) struct Letter {
    pub(super) id: String,
    pub(super) task: String,
    pub(super) queue: String,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) attempts: u32,
    pub(super) died: Time,
    /// `None` if it is unknown which parts are secret.
    pub(super) args: Option<Json>,
}

impl Shown {
    /// The letters, for output. A program without tasks shows them too.
    pub(super) fn letters(&self, letters: Vec<DeadLetter>) -> Vec<Letter> {
        let registry = session::registry().ok();
        letters.into_iter().map(|letter| self.letter(letter, registry.as_ref())).collect()
    }

    /// Why the arguments of a letter are missing.
    pub(super) fn missing(&self) -> &'static str {
        if self.reveal { "cannot be read" } else { "not shown, since they do not fit a task of this program: --reveal" }
    }

    /// One letter.
    pub(super) fn letter(&self, letter: DeadLetter, registry: Option<&Registry>) -> Letter {
        let args = if self.reveal {
            Json::of(letter.args).ok()
        } else {
            registry.and_then(|registry| registry.get(&letter.task)).and_then(|def| (def.show)(&letter.args))
        };
        Letter {
            id: letter.id.to_string(),
            task: letter.task,
            queue: letter.queue,
            reason: letter.reason.as_str(),
            message: letter.message,
            attempts: letter.attempts,
            died: Time(letter.died_ms),
            args,
        }
    }
}
