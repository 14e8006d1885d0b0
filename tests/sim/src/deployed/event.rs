//! Writes events and reads answers in Lambda's JSON, by its documentation alone: this module does not know how the
//! product reads and writes them.

use std::collections::BTreeSet;

use base64_simd::STANDARD;
use celeriac_core::{ports::Delivery, wire::Header};
use serde_json::{Value, json};

use super::sqs::Reasons;

/// The region and account of the simulated stack.
const PLACE: &str = "eu-central-1:123456789012";

/// The name of the simulated stack.
pub(super) const STACK: &str = "shop";

/// The id by which an answer names a message.
pub(super) fn message_id(delivery: &Delivery) -> String {
    let number = delivery.receipt.0.split('-').next().unwrap_or_default();
    format!("message-{number}")
}

/// A mapping's event with these messages.
pub(super) fn messages(queue: &str, deliveries: &[Delivery], reasons: &Reasons) -> String {
    let records = deliveries.iter().map(|delivery| {
        json!({
            "messageId": message_id(delivery),
            "receiptHandle": &*delivery.receipt.0,
            "body": text(&delivery.body),
            "attributes": {
                "ApproximateReceiveCount": delivery.receives.to_string(),
                "SentTimestamp": delivery.sent_ms.to_string(),
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": delivery.sent_ms.to_string(),
            },
            "messageAttributes": attributes(delivery, reasons),
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{PLACE}:{STACK}-{queue}"),
            "awsRegion": "eu-central-1",
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() }).to_string()
}

/// The attributes of a message: its due time, or why it was buried.
fn attributes(delivery: &Delivery, reasons: &Reasons) -> Value {
    let attribute = |kind: &str, text: String| json!({ "stringValue": text, "stringListValues": [], "binaryListValues": [], "dataType": kind });
    let due_ms = Header::peek(&delivery.body).map_or(0, |header| header.due_ms);
    match reasons.of(&delivery.body).filter(|_| delivery.queue.ends_with("-dead")) {
        Some(reason) => json!({ "reason": attribute("String", reason) }),
        None if due_ms > delivery.sent_ms => json!({ "due": attribute("Number", due_ms.to_string()) }),
        None => json!({}),
    }
}

/// A parcel in base64, or another sender's text.
fn text(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if Header::peek(body).is_err() => text.to_owned(),
        _ => STANDARD.encode_to_string(body),
    }
}

/// Why an asynchronous invocation failed.
#[derive(Clone, Debug)]
pub(super) enum Why {
    /// It waited for too long.
    TooOld,
    /// Its function failed: the kind of error, and its text.
    Error(String, String),
}

/// The report of a failed asynchronous invocation.
pub(super) fn failure(function: &str, request: &str, payload: &str, why: &Why) -> String {
    let (condition, tries, response) = match why {
        Why::TooOld => ("EventAgeExceeded", 0, Value::Null),
        Why::Error(kind, what) => ("RetriesExhausted", 1, json!({ "errorType": kind, "errorMessage": what })),
    };
    let mut report = json!({
        "version": "1.0",
        "timestamp": "2023-11-14T22:13:20.000Z",
        "requestContext": {
            "requestId": request,
            "functionArn": format!("arn:aws:lambda:{PLACE}:function:{function}:$LATEST"),
            "condition": condition,
            "approximateInvokeCount": tries,
        },
        "requestPayload": serde_json::from_str::<Value>(payload).unwrap_or_default(),
    });
    if !response.is_null() {
        report["responseContext"] =
            json!({ "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" });
        report["responsePayload"] = response;
    }
    report.to_string()
}

/// The invocation that a report is about.
pub(super) fn reported(report: &[u8]) -> Option<String> {
    let report: Value = serde_json::from_slice(report).ok()?;
    Some(report["requestContext"]["requestId"].as_str()?.to_owned())
}

/// The minute that an invocation counts under.
pub(super) fn minute(payload: &str) -> Option<u64> {
    serde_json::from_str::<Value>(payload).ok()?["minute"].as_u64()
}

/// Whether an invocation is the only one of a broken function.
pub(super) fn is_probe(payload: &str) -> bool {
    serde_json::from_str::<Value>(payload).is_ok_and(|payload| payload["probe"] == true)
}

/// The messages that stay, from the answer to a mapping's event. An answer without such a list deletes all of them; one
/// that names a message outside of the event is invalid.
pub(super) fn stays(answer: &Value, event: &[Delivery]) -> Result<BTreeSet<String>, String> {
    let Some(failures) = answer["batchItemFailures"].as_array() else { return Ok(BTreeSet::new()) };
    let ids: BTreeSet<String> = event.iter().map(message_id).collect();
    let named = failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap_or_default().to_owned());
    let named: BTreeSet<String> = named.collect();
    match named.iter().find(|id| !ids.contains(*id)) {
        Some(id) => Err(format!("its answer names message `{id}`, which is none of the event")),
        None => Ok(named),
    }
}
