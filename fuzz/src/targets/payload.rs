//! Fuzzes the payload of a worker's function, and the text of an SQS message within it.

use bytes::Bytes;
use celeriac_aws::{Payload, QueueEvent};
use celeriac_core::ports::{Delivery, Receipt};

/// The bytes as a payload, as an event of a queue's mapping, and as the text of a message in a payload.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    decode(text);
    if let Ok(event) = serde_json::from_str::<QueueEvent<'_>>(text) {
        for message in &event.messages {
            let _ = (message.sqs(), message.cause());
        }
    }
    let item = serde_json::json!({ "queue": "mail", "body": text, "receipt": "r", "receives": 1, "sent_ms": 0 });
    decode(&serde_json::json!({ "celeriac": 1, "deliveries": [item] }).to_string());
}

fn decode(text: &str) {
    if let Ok(payload) = Payload::decode(text) {
        let written = String::from_utf8(payload.encode()).expect("JSON is text");
        let again = Payload::decode(&written).expect("it was just encoded");
        assert_eq!(again.deliveries.len(), payload.deliveries.len());
        assert_eq!(again.minute, payload.minute);
    }
}

/// A payload with a parcel and a tick, an event of a mapping, and each kind of text.
pub fn seeds() -> Vec<Vec<u8>> {
    let bodies = super::parcel::seeds().into_iter().map(Bytes::from);
    let deliveries = bodies.map(|body| Delivery {
        queue: "mail".into(),
        body,
        receipt: Receipt("AQEB/+=".into()),
        receives: 3,
        sent_ms: 1_700_000_000_000,
    });
    let payload = Payload { deliveries: deliveries.collect(), minute: Some(28_333_333), shard: 3, probe: true };
    let texts = [
        r#"{"celeriac":"tick","task":"report.nightly","due":"2026-11-24T03:00:00Z"}"#,
        r#"{"celeriac":"stored","header":"AQAAAAAA"}"#,
        "AQAAAAAAAAAAAAAAAAA=",
        r#"{"Records":[{"messageId":"1","receiptHandle":"r","body":"AQ==","attributes":{"ApproximateReceiveCount":"2"},"messageAttributes":{"due":{"stringValue":"17"}},"eventSourceARN":"arn:aws:sqs:eu:1:shop-mail"}]}"#,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).chain([payload.encode()]).collect()
}
