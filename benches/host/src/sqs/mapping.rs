//! An event-source mapping: pushes a queue's messages into a function.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::Deserialize;

use super::{
    queue::{Queue, Received},
    store::Sqs,
};
use crate::{
    Mapping,
    lambda::{Deployed, Lambda},
};

/// How long a poll waits.
const WAIT_S: u64 = 20;

/// A function's answer that accepts part of a batch.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Partly {
    batch_item_failures: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    item_identifier: String,
}

/// Pushes for ever. If the queue or the function does not exist, it logs that and pushes nothing.
pub(crate) async fn push(sqs: Arc<Sqs>, lambda: Arc<Lambda>, mapping: Mapping) {
    let (Ok(queue), Some(function)) = (sqs.queue(&mapping.queue), lambda.function(&mapping.function)) else {
        tracing::error!(?mapping, "the mapping names a queue or a function that is not there");
        return;
    };
    let poller = async || {
        loop {
            let received = queue.receive(mapping.batch.clamp(1, 10), sqs.visibility_s, WAIT_S).await;
            if !received.is_empty() {
                sqs.counters.received.mark(received.len() as u64);
                hand_over(&queue, function, &mapping.queue, received).await;
            }
        }
    };
    futures::future::join_all((0..mapping.concurrency.max(1)).map(|_| poller())).await;
}

async fn hand_over(queue: &Queue, function: &Deployed, name: &str, received: Vec<Received>) {
    let slot = function.slot().await;
    let result = function.run(slot, &function.request_id(), event(name, &received)).await;
    // As on Lambda, an answer of another form accepts the whole batch, and an error accepts none of it.
    let Ok(answer) = result else { return };
    let partly: Partly = serde_json::from_slice(&answer).unwrap_or_default();
    for message in received {
        if !partly.batch_item_failures.iter().any(|item| item.item_identifier == message.id) {
            let _ = queue.delete(&message.receipt);
        }
    }
}

/// The event of these messages.
fn event(queue: &str, received: &[Received]) -> Bytes {
    let mut event = BytesMut::new();
    event.put_slice(b"{\"Records\":[");
    for (at, message) in received.iter().enumerate() {
        let record = serde_json::json!({
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "attributes": {
                "ApproximateReceiveCount": message.receives.to_string(),
                "SentTimestamp": message.sent_ms.to_string(),
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"),
            "awsRegion": "us-east-1",
        });
        event.put_slice(if at == 0 { b"" } else { b"," });
        let record = record.to_string();
        // The text is JSON already, so it is added as it is.
        event.put_slice(&record.as_bytes()[..record.len() - 1]);
        event.put_slice(b",\"body\":");
        event.put_slice(&message.text);
        event.put_slice(b"}");
    }
    event.put_slice(b"]}");
    event.freeze()
}
