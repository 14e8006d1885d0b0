//! The event of a queue's mapping, and the function's answer, which says which messages stay.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Incoming;
use celeriac_core::ports::Receipt;

/// The messages of a queue, in the JSON of their mapping.
#[derive(Debug, Deserialize)]
pub struct QueueEvent<'a> {
    /// The messages, all of one queue.
    #[serde(rename = "Records", borrow)]
    pub messages: Vec<Message<'a>>,
}

impl QueueEvent<'_> {
    /// The answer that deletes these messages and keeps the others.
    pub fn answer(&self, deleted: &[Receipt]) -> Answer {
        let stays = |message: &&Message<'_>| deleted.iter().all(|receipt| *receipt.0 != *message.receipt_handle);
        self.messages.iter().filter(stays).collect()
    }
}

/// A message of an event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message<'a> {
    /// The answer names the message by this id.
    pub message_id: Box<str>,
    /// Settling this delivery needs this handle.
    pub receipt_handle: Box<str>,
    /// Its text.
    #[serde(borrow)]
    pub body: std::borrow::Cow<'a, str>,
    #[serde(default)]
    attributes: Attributes,
    #[serde(rename = "messageAttributes", default)]
    said: Said,
    #[serde(rename = "eventSourceARN")]
    queue_arn: Box<str>,
}

/// The attributes that SQS sets: numbers, as text.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    approximate_receive_count: Option<Box<str>>,
    sent_timestamp: Option<Box<str>>,
}

/// The attributes that the sender sets.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    due: Option<Text>,
    reason: Option<Text>,
    /// EventBridge Scheduler's error, if it could not send the message.
    #[serde(rename = "ERROR_MESSAGE")]
    error: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    string_value: Option<Box<str>>,
}

/// Why a message is in a dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// SQS moved it, since it was received as often as its queue allows.
    Receives,
    /// It was buried, for this reason.
    Buried(String),
    /// EventBridge Scheduler could not send it to its queue, for this reason.
    Unsent(String),
}

impl Message<'_> {
    /// The name of its SQS queue.
    pub fn sqs(&self) -> &str {
        self.queue_arn.rsplit(':').next().unwrap_or_default()
    }

    /// Why it is in a dead-letter queue, if it is in one.
    pub fn cause(&self) -> Cause {
        let text = |text: &Option<Text>| text.as_ref()?.string_value.as_deref().map(str::to_owned);
        let buried = text(&self.said.reason).map(Cause::Buried);
        buried.or_else(|| text(&self.said.error).map(Cause::Unsent)).unwrap_or(Cause::Receives)
    }

    /// The message as one of this queue.
    pub fn incoming(&self, queue: Arc<str>) -> Incoming<'_> {
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
        let due = self.said.due.as_ref().and_then(|due| due.string_value.as_deref());
        Incoming {
            queue,
            text: &self.body,
            receipt: &self.receipt_handle,
            receives: number(self.attributes.approximate_receive_count.as_deref()).unwrap_or(1) as u32,
            sent_ms: number(self.attributes.sent_timestamp.as_deref()).unwrap_or(0),
            due_ms: number(due).unwrap_or(0),
        }
    }
}

/// The answer to an event of a queue. The messages that it names stay in the queue, still hidden; the mapping deletes
/// the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    batch_item_failures: Vec<Stays>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stays {
    item_identifier: Box<str>,
}

impl<'a> FromIterator<&'a Message<'a>> for Answer {
    /// Keeps these messages.
    fn from_iter<T: IntoIterator<Item = &'a Message<'a>>>(messages: T) -> Self {
        let stays = messages.into_iter().map(|message| Stays { item_identifier: message.message_id.clone() });
        Self { batch_item_failures: stays.collect() }
    }
}

impl Extend<Answer> for Answer {
    fn extend<T: IntoIterator<Item = Answer>>(&mut self, answers: T) {
        self.batch_item_failures.extend(answers.into_iter().flat_map(|answer| answer.batch_item_failures));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event as Lambda sends it.
    const EVENT: &str = r#"{"Records": [{
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a/+=",
        "body": "{\"celeriac\":\"tick\",\"task\":\"books.close\",\"due\":\"2026-11-24T03:00:00Z\"}",
        "attributes": {
            "ApproximateReceiveCount": "3",
            "SentTimestamp": "1795489200123",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1795489200456"
        },
        "messageAttributes": {
            "due": {"stringValue": "1795489200999", "stringListValues": [], "binaryListValues": [], "dataType": "Number"}
        },
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:shop-mail",
        "awsRegion": "eu-central-1"
    }]}"#;

    #[test]
    fn a_message_is_read_as_lambda_writes_it() {
        let event: QueueEvent<'_> = serde_json::from_str(EVENT).expect("an event");
        let message = &event.messages[0];
        assert_eq!((message.sqs(), message.cause()), ("shop-mail", Cause::Receives));
        let incoming = message.incoming("mail".into());
        assert!(incoming.text.starts_with("{\"celeriac\":\"tick\""), "{incoming:?}");
        assert_eq!(incoming.receipt, "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a/+=");
        assert_eq!((incoming.receives, incoming.sent_ms, incoming.due_ms), (3, 1_795_489_200_123, 1_795_489_200_999));
    }

    #[test]
    fn an_unsent_message_of_scheduler_says_why() {
        let attribute = |name, text| format!(r#""{name}": {{"stringValue": "{text}", "dataType": "String"}}"#);
        let (code, why) = (attribute("ERROR_CODE", "AccessDenied"), attribute("ERROR_MESSAGE", "no such role"));
        let event = EVENT.replace(r#""messageAttributes": {"#, &format!(r#""messageAttributes": {{{code}, {why},"#));
        let event: QueueEvent<'_> = serde_json::from_str(&event).expect("an event");
        assert_eq!(event.messages[0].cause(), Cause::Unsent("no such role".to_owned()));
    }

    #[test]
    fn an_answer_names_what_stays() {
        let event: QueueEvent<'_> = serde_json::from_str(EVENT).expect("an event");
        let answer: Answer = event.messages.iter().collect();
        let text = serde_json::to_string(&answer).expect("JSON");
        assert_eq!(text, r#"{"batchItemFailures":[{"itemIdentifier":"059f36b4-87a3-44ab-83d2-661975830a7d"}]}"#);
        let none = serde_json::to_string(&Answer::default()).expect("JSON");
        assert_eq!(none, r#"{"batchItemFailures":[]}"#);
    }
}
