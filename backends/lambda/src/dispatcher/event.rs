//! Reads the events of a dispatcher's function.

use celeriac_aws::{QueueEvent, Stack};
use serde::Deserialize;

/// An event of a dispatcher's function.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// Messages, from a mapping of a queue.
    Messages(QueueEvent<'a>),
    /// A sweep, from a schedule.
    Sweep,
}

/// The JSON object of an event without messages.
#[derive(Deserialize)]
#[serde(tag = "celeriac", rename_all = "snake_case")]
enum Order {
    Sweep,
}

/// An unknown event.
#[derive(Debug, thiserror::Error)]
#[error(
    "this function is invoked with messages of the queues of stack `{stack}`, or with {{\"celeriac\":\"sweep\"}}; this \
     event is neither: {why}"
)]
pub(super) struct EventError {
    stack: Stack,
    why: String,
}

impl<'a> Event<'a> {
    pub(super) fn read(text: &'a str, stack: &Stack) -> Result<Self, EventError> {
        if let Ok(Order::Sweep) = serde_json::from_str(text) {
            return Ok(Self::Sweep);
        }
        serde_json::from_str(text)
            .map(Self::Messages)
            .map_err(|error| EventError { stack: stack.clone(), why: error.to_string() })
    }
}
