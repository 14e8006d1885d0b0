//! Runs each action of SQS on its queue, and answers it.

use std::fmt::Write as _;

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::{
    queue::{Queue, Received},
    refusal::{MOST_BYTES, Refusal},
    request::{Entry, Request},
    store::Sqs,
};
use crate::reply::{Parts, Reply, reply};

/// The longest that a message is hidden, in seconds, and that it is delayed.
const MOST_VISIBILITY_S: u64 = 43_200;
const MOST_DELAY_S: u64 = 900;
const MOST_WAIT_S: u64 = 20;

type Answered = Result<Reply, Refusal>;

impl Sqs {
    pub(super) fn url_of(&self, body: &Bytes) -> Answered {
        let request = Request::read(body)?;
        self.queue(request.queue())?;
        Ok(ok(&json!({ "QueueUrl": self.url(request.queue()) })))
    }

    pub(super) fn create(&self, body: &Bytes) -> Answered {
        let request = Request::read(body)?;
        self.add(request.queue());
        Ok(ok(&json!({ "QueueUrl": self.url(request.queue()) })))
    }

    pub(super) fn attributes(&self, body: &Bytes) -> Answered {
        let depth = self.queue(Request::read(body)?.queue())?.depth();
        Ok(ok(&json!({ "Attributes": {
            "ApproximateNumberOfMessages": depth.ready.to_string(),
            "ApproximateNumberOfMessagesNotVisible": depth.in_flight.to_string(),
            "ApproximateNumberOfMessagesDelayed": depth.delayed.to_string(),
            "VisibilityTimeout": self.visibility_s.to_string(),
        } })))
    }

    pub(super) fn send(&self, body: &Bytes) -> Answered {
        let queue = self.queue(Request::read(body)?.queue())?;
        Ok(ok(&send(&queue, &Entry::read(body)?, body)?))
    }

    pub(super) fn send_batch(&self, body: &Bytes) -> Answered {
        self.batch(body, |queue, entry| send(queue, entry, body))
    }

    pub(super) fn delete(&self, body: &Bytes) -> Answered {
        let queue = self.queue(Request::read(body)?.queue())?;
        queue.delete(&Entry::read(body)?.receipt_handle)?;
        Ok(ok(&json!({})))
    }

    pub(super) fn delete_batch(&self, body: &Bytes) -> Answered {
        self.batch(body, |queue, entry| queue.delete(&entry.receipt_handle).map(|()| json!({})))
    }

    pub(super) fn hide(&self, body: &Bytes) -> Answered {
        let queue = self.queue(Request::read(body)?.queue())?;
        hide(&queue, &Entry::read(body)?)?;
        Ok(ok(&json!({})))
    }

    pub(super) fn hide_batch(&self, body: &Bytes) -> Answered {
        self.batch(body, |queue, entry| hide(queue, entry).map(|()| json!({})))
    }

    pub(super) async fn receive(&self, body: &Bytes) -> Answered {
        let request = Request::read(body)?;
        let queue = self.queue(request.queue())?;
        let most = limited(request.max_number_of_messages.unwrap_or(1), 1, 10, "MaxNumberOfMessages")?;
        let wait_s = limited(request.wait_time_seconds, 0, MOST_WAIT_S, "WaitTimeSeconds")?;
        let visibility_s = request.visibility_timeout.unwrap_or(self.visibility_s);
        let visibility_s = limited(visibility_s, 0, MOST_VISIBILITY_S, "VisibilityTimeout")?;
        let received = queue.receive(most as usize, visibility_s, wait_s).await;
        if !received.is_empty() {
            self.counters.received.mark(received.len() as u64);
        }
        Ok(reply(StatusCode::OK, messages(received)))
    }

    /// Does the same with each entry of a batch.
    fn batch(&self, body: &Bytes, each: impl Fn(&Queue, &Entry<'_>) -> Result<Value, Refusal>) -> Answered {
        let request = Request::read(body)?;
        request.check_batch()?;
        let queue = self.queue(request.queue())?;
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in &request.entries {
            match each(&queue, entry) {
                Ok(mut value) => {
                    value["Id"] = json!(entry.id);
                    successful.push(value);
                }
                Err(refusal) => failed.push(json!({
                    "Id": entry.id, "Code": refusal.code(), "Message": refusal.to_string(), "SenderFault": true,
                })),
            }
        }
        Ok(ok(&json!({ "Successful": successful, "Failed": failed })))
    }
}

fn send(queue: &Queue, entry: &Entry<'_>, body: &Bytes) -> Result<Value, Refusal> {
    if entry.message_body.len() > MOST_BYTES {
        return Err(Refusal::MessageTooLong);
    }
    let delay_s = limited(entry.delay_seconds, 0, MOST_DELAY_S, "DelaySeconds")?;
    Ok(json!({ "MessageId": queue.send(entry.text(body), delay_s), "MD5OfMessageBody": "" }))
}

fn hide(queue: &Queue, entry: &Entry<'_>) -> Result<(), Refusal> {
    let visibility_s = entry.visibility_timeout.unwrap_or_default();
    queue.hide(&entry.receipt_handle, limited(visibility_s, 0, MOST_VISIBILITY_S, "VisibilityTimeout")?)
}

fn limited(value: u64, least: u64, most: u64, parameter: &'static str) -> Result<u64, Refusal> {
    if (least..=most).contains(&value) { Ok(value) } else { Err(Refusal::Invalid(value, parameter)) }
}

fn ok(value: &Value) -> Reply {
    reply(StatusCode::OK, value.to_string())
}

/// The answer to a receive. The texts are not copied.
fn messages(received: Vec<Received>) -> Parts {
    if received.is_empty() {
        return Parts::from("{}");
    }
    let mut parts = Parts::default();
    let mut between = String::from("{\"Messages\":[");
    for message in received {
        let _ = write!(between, "{{\"MessageId\":\"{}\",\"ReceiptHandle\":\"{}\",", message.id, message.receipt);
        let _ = write!(between, "\"Attributes\":{{\"ApproximateReceiveCount\":\"{}\",", message.receives);
        let _ = write!(between, "\"SentTimestamp\":\"{}\"}},\"MD5OfBody\":\"\",\"Body\":", message.sent_ms);
        parts.push(std::mem::take(&mut between));
        parts.push(message.text);
        between.push_str("},");
    }
    between.pop();
    between.push_str("]}");
    parts.push(between);
    parts
}
