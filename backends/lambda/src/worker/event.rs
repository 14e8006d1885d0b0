//! Reads the events of a worker's function.

use celeriac_aws::{Payload, PayloadError, QueueEvent};
use serde::{Deserialize, de::IgnoredAny};

/// An event of a worker's function.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// Deliveries, from a dispatcher.
    Deliveries(Payload),
    /// Messages, from a mapping of a queue.
    Messages(QueueEvent<'a>),
}

impl<'a> Event<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, PayloadError> {
        #[derive(Deserialize)]
        struct Mapped {
            #[serde(rename = "Records")]
            _records: IgnoredAny,
        }
        if serde_json::from_str::<Mapped>(text).is_err() {
            return Payload::decode(text).map(Self::Deliveries);
        }
        serde_json::from_str(text).map(Self::Messages).map_err(|error| PayloadError::Shape(error.to_string()))
    }
}
