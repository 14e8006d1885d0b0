//! Lambda's events for a queue's messages, and the answers to them.

use std::collections::BTreeSet;

use base64_simd::STANDARD;
use celeriac_aws::Answer;
use celeriac_core::ports::Delivery;
use serde::Serialize;

/// The name of the simulated stack.
pub(crate) const STACK: &str = "scale";

/// Where the stack is.
const PLACE: &str = "arn:aws:sqs:us-east-1:123456789012";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Messages<'a> {
    records: Vec<Record<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: String,
    attributes: Attributes,
    event_source: &'a str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    approximate_receive_count: String,
    sent_timestamp: String,
}

/// The event of messages of one queue. Each is named by its receipt.
///
/// # Panics
/// Never: text is JSON.
pub(crate) fn messages(queue: &str, deliveries: &[Delivery]) -> String {
    let arn = format!("{PLACE}:{STACK}-{queue}");
    let records = deliveries.iter().map(|delivery| Record {
        message_id: &delivery.receipt.0,
        receipt_handle: &delivery.receipt.0,
        body: STANDARD.encode_to_string(&delivery.body),
        attributes: Attributes {
            approximate_receive_count: delivery.receives.to_string(),
            sent_timestamp: delivery.sent_ms.to_string(),
        },
        event_source: "aws:sqs",
        event_source_arn: &arn,
    });
    serde_json::to_string(&Messages { records: records.collect() }).expect("text is JSON")
}

/// The receipts of the messages that an answer lets its mapping delete.
pub(crate) fn deletes(answer: &Answer, deliveries: &[Delivery]) -> BTreeSet<String> {
    let answer = serde_json::to_value(answer).unwrap_or_default();
    let mut receipts: BTreeSet<String> = deliveries.iter().map(|delivery| delivery.receipt.0.to_string()).collect();
    for stays in answer["batchItemFailures"].as_array().into_iter().flatten() {
        receipts.remove(stays["itemIdentifier"].as_str().unwrap_or_default());
    }
    receipts
}
