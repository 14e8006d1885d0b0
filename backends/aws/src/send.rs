//! Sends messages: in batches as large as SQS allows, with EventBridge Scheduler for distant due times and the bucket
//! for large bodies.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_config::retry::RetryConfig;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use futures::{StreamExt as _, stream};

use super::{fault::Fault, later::send_later, objects::Objects, queue::Access, text};
use celeriac_core::{
    backoff::backoff,
    portions::{Most, portions},
    ports::{Outgoing, PortError, SendError},
    wire::{self, Header},
};

/// SQS's limits of one batch.
const BATCH: Most = Most { items: 10, bytes: 1 << 20 };

/// About the size of an entry without its text.
const ENTRY_BYTES: usize = 128;

/// The longest delay of SQS.
const LONGEST_DELAY_MS: u64 = 900_000;

/// The most batches in flight.
const FLIGHTS: usize = 16;

/// How often the refused messages of a batch are sent, and the first pause, which doubles.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The attribute with a message's due time, to the millisecond, since SQS counts whole seconds.
pub(super) const DUE: &str = "due";

/// How long before its due time a parcel may be put into the bucket, which keeps objects for 16 days. The parcel may
/// need 14 of them to run.
const LONGEST_STORED_MS: u64 = 86_400_000;

/// Why an attempt failed.
enum Trouble {
    /// No request was sent to SQS.
    Port(PortError),
    /// SQS refused it, or did not answer.
    Fault(Fault),
}

/// A message ready to be sent, with its index among those.
struct Entry {
    at: usize,
    text: String,
    due_ms: u64,
    tenant: Option<String>,
}

impl Access {
    /// Sends messages. The answers are in the same order.
    pub(super) async fn send(&self, messages: Vec<Outgoing>) -> Vec<Result<(), SendError>> {
        let mut sent: Vec<_> = (0..messages.len()).map(|_| Ok(())).collect();
        let mut by_queue: BTreeMap<Arc<str>, Vec<Entry>> = BTreeMap::new();
        let now_ms = self.clock.now_ms();
        let texts = stream::iter(messages.into_iter().enumerate())
            .map(|(at, message)| async move { (at, self.prepare(&message, now_ms).await, message) })
            .buffered(FLIGHTS)
            .collect::<Vec<_>>();
        for (at, text, Outgoing { queue, due_ms, body, .. }) in texts.await {
            match text {
                Ok(Some(text)) => {
                    let tenant = Header::peek(&body).ok().and_then(|header| header.tenant);
                    by_queue.entry(queue).or_default().push(Entry { at, text, due_ms, tenant });
                }
                Ok(None) => {}
                Err(error) => sent[at] = Err(error.into()),
            }
        }
        let batches = by_queue.into_iter().flat_map(|(queue, entries)| {
            portions(entries, BATCH, Entry::bytes).map(move |batch| (Arc::clone(&queue), batch))
        });
        let answers = stream::iter(batches)
            .map(|(queue, batch)| async move { self.send_batch(&queue, batch).await })
            .buffer_unordered(FLIGHTS)
            .collect::<Vec<_>>();
        for (at, answer) in answers.await.into_iter().flatten() {
            sent[at] = answer;
        }
        sent
    }

    /// The text of a message for SQS; `None` if it was handed to Scheduler.
    async fn prepare(&self, message: &Outgoing, now_ms: u64) -> Result<Option<String>, PortError> {
        let text = self.text(message, now_ms).await?;
        if message.due_ms <= now_ms + LONGEST_DELAY_MS {
            return Ok(Some(text));
        }
        let Outgoing { queue, body, due_ms, .. } = message;
        send_later(&self.clients, &self.lookup, queue, body, text, *due_ms).await.map(|()| None)
    }

    async fn text(&self, message: &Outgoing, now_ms: u64) -> Result<String, PortError> {
        let body = &message.body;
        if text::length(body.len()) <= text::MAX_TEXT {
            return Ok(text::write(body));
        }
        let refused = |why: String| PortError::Refused { what: format!("a message of {} bytes: {why}", body.len()) };
        let Some(objects) = &self.objects else {
            return Err(refused(format!(
                "SQS takes {} of them; larger ones need a bucket: CELERIAC_BUCKET",
                text::MAX_TEXT / 4 * 3
            )));
        };
        if message.due_ms > now_ms + LONGEST_STORED_MS {
            return Err(refused("what needs a bucket can be due in a day at most, since a bucket forgets".to_owned()));
        }
        let header = Header::peek(body).map_err(|error| refused(error.to_string()))?;
        objects.put(&Objects::parcel(header.id), body.clone()).await?;
        let stub = wire::stub(body).map_err(|error| refused(error.to_string()))?;
        Ok(text::write(&stub))
    }

    /// Sends one batch, and sends it or single messages again after transient failures. An attempt without an answer
    /// may have succeeded: a failure after it is not a rejection but unknown (G1). So the SDK must not retry by itself.
    async fn send_batch(&self, queue: &str, mut batch: Vec<Entry>) -> Vec<(usize, Result<(), SendError>)> {
        let mut answers = Vec::with_capacity(batch.len());
        let mut heard = false;
        for failures in 1..=TRIES {
            let refused = match self.attempt(queue, &batch).await {
                Ok(refused) => refused,
                Err(Trouble::Port(error)) => {
                    answers.extend(batch.iter().map(|entry| (entry.at, Err(error.clone().into()))));
                    return answers;
                }
                Err(Trouble::Fault(fault)) => {
                    heard |= fault.may_have_happened();
                    batch.iter().map(|entry| (entry.at, fault.clone())).collect()
                }
            };
            let mut again = Vec::new();
            for entry in batch {
                match refused.get(&entry.at) {
                    None => answers.push((entry.at, Ok(()))),
                    Some(fault) if fault.passes() && failures < TRIES => again.push(entry),
                    Some(fault) => answers.push((entry.at, Err(self.not_sent(fault, queue, heard).into()))),
                }
            }
            if again.is_empty() {
                break;
            }
            batch = again;
            self.clock.sleep(self.pause(failures)).await;
        }
        answers
    }

    /// One request. Returns the messages that SQS refused, by their index.
    async fn attempt(&self, queue: &str, batch: &[Entry]) -> Result<BTreeMap<usize, Fault>, Trouble> {
        let sqs = self.clients.settings().stack.queue(queue);
        let url = self.lookup.url(&self.clients, &sqs).await.map_err(Trouble::Port)?;
        let now_ms = self.clock.now_ms();
        let mut request = self.clients.sqs().await.send_message_batch().queue_url(&*url);
        for entry in batch {
            request = request.entries(entry.request(now_ms).map_err(Trouble::Port)?);
        }
        let once = aws_sdk_sqs::config::Builder::new().retry_config(RetryConfig::disabled());
        let answer = request.customize().config_override(once).send().await;
        let answer = answer.map_err(|error| Trouble::Fault(Fault::of(error)))?;
        let refused = answer.failed().iter().filter_map(|item| {
            let fault = Fault::of_item(item.code(), item.message(), item.sender_fault());
            Some((item.id().parse().ok()?, fault))
        });
        Ok(refused.collect())
    }

    /// The error for a message. `heard` says that an earlier attempt may have succeeded.
    fn not_sent(&self, fault: &Fault, queue: &str, heard: bool) -> PortError {
        let settings = self.clients.settings();
        let resource = format!("SQS queue `{}`", settings.stack.queue(queue));
        match fault.clone().port(settings, format_args!("send to queue `{queue}`"), resource) {
            PortError::Unavailable { what, source } if heard => PortError::Unknown { what, source },
            other => other,
        }
    }

    /// Longer with each failure, and random, so that two senders differ.
    fn pause(&self, failures: u32) -> Duration {
        backoff((FIRST_PAUSE, LONGEST_PAUSE), failures, self.entropy.next_u64())
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        self.text.len() + ENTRY_BYTES
    }

    fn request(&self, now_ms: u64) -> Result<SendMessageBatchRequestEntry, PortError> {
        let mut entry = SendMessageBatchRequestEntry::builder().id(self.at.to_string()).message_body(&self.text);
        if self.due_ms > now_ms {
            // Rounded down: the receiver holds the message back for the rest of the second.
            let delay_ms = (self.due_ms - now_ms).min(LONGEST_DELAY_MS);
            let due = MessageAttributeValue::builder().data_type("Number").string_value(self.due_ms.to_string());
            let due = due.build().map_err(|error| PortError::Refused { what: error.to_string() })?;
            entry = entry.delay_seconds((delay_ms / 1000) as i32).message_attributes(DUE, due);
        }
        if let Some(tenant) = &self.tenant {
            entry = entry.message_group_id(tenant);
        }
        entry.build().map_err(|error| PortError::Refused { what: error.to_string() })
    }
}
