//! A dead letter, for people and scripts.

use serde::Serialize;
use serde_json::Value;
use task_core::{ports::DeadLetter, wire::to_json};

use super::super::print::Time;

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
    /// `None` if they are not what arguments are: then that is why it died.
    pub(super) args: Option<Value>,
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id.to_string(),
            task: letter.task,
            queue: letter.queue,
            reason: letter.reason.as_str(),
            message: letter.message,
            attempts: letter.attempts,
            died: Time(letter.died_ms),
            args: to_json(&letter.args).ok(),
        }
    }
}
