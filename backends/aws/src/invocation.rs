//! The payload of a worker's function: the deliveries of its parcels, as JSON. Lambda's report of a failed invocation
//! contains it too.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::text::{self, Content};
use celeriac_core::{
    ports::{Delivery, Receipt},
    wire,
};

/// The version of the payload.
const VERSION: u32 = 1;

/// The deliveries of an invocation.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The deliveries. A parcel stored in the bucket is a stub.
    pub deliveries: Vec<Delivery>,
    /// The minute since 1970 under which it counts as outstanding; `None` if invocations are not counted.
    pub minute: Option<u64>,
    /// The shard of the count in which it counts.
    pub shard: u8,
    /// Whether it is the only one of a broken function that may be in flight. If it claims a parcel, others may follow.
    pub probe: bool,
}

/// Why a payload is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// It has another shape.
    #[error(
        "this function is invoked by a Celeriac dispatcher, or by a queue of its stack; this event is neither: {0}"
    )]
    Shape(String),
    /// A newer dispatcher made it.
    #[error("the payload has version {found}, this program reads {VERSION}: deploy dispatcher and workers together")]
    Version {
        /// The version.
        found: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct Event<'a> {
    celeriac: u32,
    #[serde(borrow)]
    deliveries: Vec<Item<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    minute: Option<u64>,
    #[serde(default, skip_serializing_if = "is_first")]
    shard: u8,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    probe: bool,
}

#[derive(Serialize, Deserialize)]
struct Item<'a> {
    queue: &'a str,
    #[serde(borrow)]
    body: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    receipt: std::borrow::Cow<'a, str>,
    receives: u32,
    sent_ms: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_first(shard: &u8) -> bool {
    *shard == 0
}

impl Payload {
    /// The JSON text.
    ///
    /// # Panics
    /// Never: all its parts are valid JSON.
    pub fn encode(&self) -> Vec<u8> {
        let items = self.deliveries.iter().map(|delivery| Item {
            queue: &delivery.queue,
            body: text(&delivery.body).into(),
            receipt: (&*delivery.receipt.0).into(),
            receives: delivery.receives,
            sent_ms: delivery.sent_ms,
        });
        let Self { minute, shard, probe, .. } = *self;
        let event = Event { celeriac: VERSION, deliveries: items.collect(), minute, shard, probe };
        serde_json::to_vec(&event).expect("strings and numbers are JSON")
    }

    /// Reads the JSON text.
    ///
    /// # Errors
    /// The text is not the payload of an invocation.
    pub fn decode(text: &str) -> Result<Self, PayloadError> {
        #[derive(Deserialize)]
        struct Version {
            celeriac: u32,
        }
        let shape = |error: serde_json::Error| PayloadError::Shape(error.to_string());
        let Version { celeriac: found } = serde_json::from_str(text).map_err(shape)?;
        if found != VERSION {
            return Err(PayloadError::Version { found });
        }
        let event: Event<'_> = serde_json::from_str(text).map_err(shape)?;
        let Event { minute, shard, probe, .. } = event;
        Ok(Self { deliveries: event.deliveries.iter().map(delivery).collect(), minute, shard, probe })
    }
}

/// A parcel too large for a message is too large here: it is in the bucket, whether or not it was fetched from there.
fn text(parcel: &Bytes) -> String {
    if text::length(parcel.len()) > text::MAX_TEXT
        && let Ok(stub) = wire::stub(parcel)
    {
        return text::write(&stub);
    }
    text::write(parcel)
}

fn delivery(item: &Item<'_>) -> Delivery {
    let body = match text::read(&item.body) {
        Content::Parcel(parcel) => parcel,
        Content::Stored(stub) => stub,
        // A dispatcher turns a tick into a parcel before handing it on.
        Content::Tick { .. } => Bytes::copy_from_slice(item.body.as_bytes()),
    };
    let receipt = Receipt(Arc::from(&*item.receipt));
    Delivery { queue: item.queue.into(), body, receipt, receives: item.receives, sent_ms: item.sent_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_reads_as_it_was_written() {
        let delivery = Delivery {
            queue: "mail".into(),
            body: Bytes::from_static(b"\x01\x00parcel"),
            receipt: Receipt("AQ\"EB/+=".into()),
            receives: 3,
            sent_ms: 1_700_000_000_000,
        };
        let payload = Payload { deliveries: vec![delivery.clone()], minute: Some(28_333_333), shard: 3, probe: true };
        let text = String::from_utf8(payload.encode()).expect("JSON");
        let mut read = Payload::decode(&text).expect("a payload");
        assert_eq!((read.minute, read.shard, read.probe), (Some(28_333_333), 3, true));
        let read = read.deliveries.remove(0);
        assert_eq!((&read.queue, &read.body, &read.receipt), (&delivery.queue, &delivery.body, &delivery.receipt));
        assert_eq!((read.receives, read.sent_ms), (3, 1_700_000_000_000));
    }

    #[test]
    fn an_invalid_payload_is_refused_with_an_explanation() {
        let error = Payload::decode("{\"key\": 1}").unwrap_err().to_string();
        assert!(error.starts_with("this function is invoked by a Celeriac dispatcher, or by a queue"), "{error}");
        let error = Payload::decode("{\"celeriac\": 2, \"other\": []}").unwrap_err().to_string();
        assert!(error.starts_with("the payload has version 2, this program reads 1"), "{error}");
    }
}
