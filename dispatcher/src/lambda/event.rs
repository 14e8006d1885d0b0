//! What a dispatcher is invoked with.

use serde::Deserialize;
use task_core::aws::Records;

/// What a dispatcher is invoked with.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// By a mapping of a queue.
    Messages(Records<'a>),
    /// By a schedule.
    Sweep,
}

/// The JSON object of what is no message.
#[derive(Deserialize)]
#[serde(tag = "celeriac", rename_all = "snake_case")]
enum Order {
    Sweep,
}

impl<'a> Event<'a> {
    /// Reads an event, or says what is wrong with it.
    pub(super) fn read(text: &'a str) -> Result<Self, String> {
        if let Ok(Order::Sweep) = serde_json::from_str(text) {
            return Ok(Self::Sweep);
        }
        serde_json::from_str(text).map(Self::Messages).map_err(|error| error.to_string())
    }
}
