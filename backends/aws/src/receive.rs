//! Receives messages: turns polled messages into deliveries, and holds back those that are early.

use std::{sync::Arc, time::Duration};

use aws_sdk_sqs::types::{Message as SqsMessage, MessageSystemAttributeName};
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use tokio::sync::oneshot;

use super::{
    objects::Objects,
    queue::{Access, Sqs},
    send::DUE,
    text::{self, Content},
    tick,
};
use celeriac_core::{
    ports::{Delivery, PortError, Receipt, Receive, Settlement},
    wire::{self, Header},
};

/// How many objects are fetched at a time. Each may have 15 MB.
const FETCHES: usize = 4;

/// How long a message is hidden whose task, or whose object, is missing: a deploy may be in progress.
const ABSENT_MS: u64 = 5 * 60_000;

/// How early a message may come, since SQS counts whole seconds.
const EARLY_MS: u64 = 1000;

const NO_TASK: &str = "a schedule's run is due whose task this program does not have";

/// A received message that may be early.
pub(super) struct Received {
    pub(super) delivery: Delivery,
    /// The due time, if it is still in the future.
    due_ms: u64,
}

/// Received messages that may be early.
pub(super) struct Early(Vec<Received>);

impl Sqs {
    /// Receives messages. If the caller is dropped, they are put back at once.
    pub(super) async fn receive_for_one_who_waits(&self, request: Receive) -> Result<Vec<Delivery>, PortError> {
        let (answer, answered) = oneshot::channel();
        let (access, fetches) = (Arc::clone(&self.access), self.fetches);
        self.access.reactor.handle()?.spawn(async move {
            let received = access.receive(request, fetches).await;
            if let Err(Ok(deliveries)) = answer.send(received) {
                access.show_again(deliveries).await;
            }
        });
        answered.await.unwrap_or_else(|_| {
            let what = "receiving from SQS panicked; its message is in the log".to_owned();
            Err(PortError::Unknown { what, source: None })
        })
    }
}

impl Access {
    async fn receive(self: &Arc<Self>, request: Receive, fetches: bool) -> Result<Vec<Delivery>, PortError> {
        let end_us = self.clock.monotonic_us().saturating_add(request.wait_ms.saturating_mul(1000));
        loop {
            let left_ms = end_us.saturating_sub(self.clock.monotonic_us()) / 1000;
            let received = self.poll_queues(&request, left_ms / 1000).await?;
            let left_ms = end_us.saturating_sub(self.clock.monotonic_us()) / 1000;
            let deliveries = self.hold_back(received, left_ms).await;
            let deliveries = if fetches { self.resolve(deliveries).await } else { self.possible(deliveries).await };
            if !deliveries.is_empty() || left_ms == 0 {
                return Ok(deliveries);
            }
            if left_ms < 1000 {
                self.clock.sleep(Duration::from_millis(left_ms)).await;
            }
        }
    }

    pub(super) fn received(&self, queue: &Arc<str>, message: &SqsMessage) -> Received {
        let number = |name| {
            let attributes = message.attributes.as_ref();
            attributes.and_then(|all| all.get(&name)).and_then(|value| value.parse::<u64>().ok())
        };
        let due = message.message_attributes.as_ref().and_then(|all| all.get(DUE));
        self.taken(Incoming {
            queue: Arc::clone(queue),
            text: message.body().unwrap_or_default(),
            receipt: message.receipt_handle().unwrap_or_default(),
            receives: number(MessageSystemAttributeName::ApproximateReceiveCount).unwrap_or(1) as u32,
            sent_ms: number(MessageSystemAttributeName::SentTimestamp).unwrap_or(0),
            due_ms: due.and_then(|due| due.string_value()).and_then(|due| due.parse().ok()).unwrap_or(0),
        })
    }

    /// A message of SQS as a delivery. A parcel stored in the bucket is still a stub; an impossible run has no bytes.
    pub(super) fn taken(&self, incoming: Incoming<'_>) -> Received {
        let body = match text::read(incoming.text) {
            Content::Parcel(parcel) => parcel,
            Content::Stored(stub) => stub,
            Content::Tick { task, due_ms } => tick::parcel(self.tasks(), &task, due_ms).unwrap_or_default(),
        };
        let Incoming { queue, receipt, receives, sent_ms, due_ms, .. } = incoming;
        Received { due_ms, delivery: Delivery { queue, body, receipt: Receipt(receipt.into()), receives, sent_ms } }
    }

    /// The messages of a mapping, which ignores due times and tasks.
    pub(super) fn early<'a>(&self, incoming: impl IntoIterator<Item = Incoming<'a>>) -> Early {
        Early(incoming.into_iter().map(|incoming| self.taken(incoming)).collect())
    }

    /// The deliveries that are due and can run, and settlements for the others. If all came early, by less than a
    /// second, this waits for them.
    pub(super) async fn due(&self, Early(mut received): Early) -> Taken {
        let left_ms = |received: &Received, now_ms: u64| received.due_ms.saturating_sub(now_ms);
        let now_ms = self.clock.now_ms();
        let next_ms = received.iter().map(|received| left_ms(received, now_ms)).min().unwrap_or(0);
        if (1..=EARLY_MS).contains(&next_ms) {
            self.clock.sleep(Duration::from_millis(next_ms)).await;
        }
        let now_ms = self.clock.now_ms();
        let early = received.extract_if(.., |received| received.due_ms > now_ms).collect::<Vec<_>>();
        let until_ms = early.iter().map(|received| received.due_ms).min().unwrap_or(0);
        let mut due = received.into_iter().map(|received| received.delivery).collect();
        let impossible = impossible(&mut due);
        let early = early.iter().map(|received| received.delivery.hidden(until_ms));
        let aside = early.chain(impossible.iter().map(|delivery| delivery.hidden(now_ms + ABSENT_MS))).collect();
        Taken { due, aside }
    }

    /// Hides the runs of unknown tasks.
    async fn possible(&self, mut deliveries: Vec<Delivery>) -> Vec<Delivery> {
        let impossible = impossible(&mut deliveries);
        self.hide(impossible, self.clock.now_ms() + ABSENT_MS).await;
        deliveries
    }

    /// Holds back early messages, since SQS counts whole seconds. If there are no others, it waits for them.
    async fn hold_back(&self, received: Vec<Received>, left_ms: u64) -> Vec<Delivery> {
        let now_ms = self.clock.now_ms();
        let (early, due): (Vec<_>, Vec<_>) = received.into_iter().partition(|received| received.due_ms > now_ms);
        let due: Vec<_> = due.into_iter().map(|received| received.delivery).collect();
        let Some(next_ms) = early.iter().map(|received| received.due_ms - now_ms).min() else { return due };
        if due.is_empty() && next_ms <= left_ms {
            self.clock.sleep(Duration::from_millis(next_ms)).await;
            return Box::pin(self.hold_back(early, 0)).await;
        }
        let early = early.into_iter().map(|received| received.delivery).collect();
        // Shown at once: a whole second later may be too late.
        self.show_again(early).await;
        due
    }

    /// Fetches parcels from the bucket, and hides messages whose parcels are missing.
    pub(super) async fn resolve(&self, deliveries: Vec<Delivery>) -> Vec<Delivery> {
        let Resolved { found, gone } = self.find(deliveries).await;
        self.put_aside(gone).await;
        found
    }

    /// Fetches parcels from the bucket, and hides messages whose parcels may still appear.
    pub(super) async fn find(&self, deliveries: Vec<Delivery>) -> Resolved {
        let bodies = stream::iter(deliveries).map(|delivery| async move {
            let body = self.body(&delivery).await;
            (delivery, body)
        });
        let (mut resolved, mut absent) = (Resolved::default(), Vec::new());
        for (delivery, body) in bodies.buffered(FETCHES).collect::<Vec<_>>().await {
            match body {
                Ok(body) => resolved.found.push(Delivery { body, ..delivery }),
                Err(Absent::Gone(why)) => resolved.gone.push((delivery, why)),
                Err(Absent::Unknown(why)) => absent.push((delivery, why)),
            }
        }
        self.put_aside(absent).await;
        resolved
    }

    async fn put_aside(&self, absent: Vec<(Delivery, String)>) {
        for (delivery, why) in &absent {
            warn_absent(delivery, why);
        }
        let until_ms = self.clock.now_ms() + ABSENT_MS;
        self.hide(absent.into_iter().map(|(delivery, _)| delivery).collect(), until_ms).await;
    }

    async fn body(&self, delivery: &Delivery) -> Result<Bytes, Absent> {
        if delivery.body.is_empty() {
            return Err(Absent::Unknown(NO_TASK.to_owned()));
        }
        if !wire::is_stub(&delivery.body) {
            return Ok(delivery.body.clone());
        }
        let header = Header::peek(&delivery.body).map_err(|error| Absent::Unknown(error.to_string()))?;
        let (parcel, task) = (header.id, header.task);
        let Some(objects) = &self.objects else {
            return Err(Absent::Unknown(format!(
                "parcel {parcel} of task `{task}` lies in a bucket, which CELERIAC_BUCKET does not name"
            )));
        };
        let key = Objects::parcel(parcel);
        match objects.get(&key).await {
            Ok(Some(body)) => Ok(body),
            Ok(None) => {
                let place = objects.place(&key);
                Err(Absent::Gone(format!("parcel {parcel} of task `{task}` is not where it was put: {place}")))
            }
            Err(error) => Err(Absent::Unknown(format!("parcel {parcel} of task `{task}`: {error}"))),
        }
    }

    pub(super) async fn show_again(&self, deliveries: Vec<Delivery>) {
        let now_ms = self.clock.now_ms();
        self.hide(deliveries, now_ms).await;
    }

    /// Hides messages. A failure corrects itself when they reappear.
    async fn hide(&self, deliveries: Vec<Delivery>, until_ms: u64) {
        if deliveries.is_empty() {
            return;
        }
        let hides = deliveries.iter().map(|delivery| delivery.hidden(until_ms));
        for error in self.settle(hides.collect()).await.into_iter().filter_map(Result::err) {
            tracing::debug!(%error, "a message could not be put back; it reappears by itself");
        }
    }
}

/// Removes and returns the runs of unknown tasks.
fn impossible(deliveries: &mut Vec<Delivery>) -> Vec<Delivery> {
    let impossible = deliveries.extract_if(.., |delivery| delivery.body.is_empty()).collect::<Vec<_>>();
    for delivery in &impossible {
        warn_absent(delivery, NO_TASK);
    }
    impossible
}

fn warn_absent(delivery: &Delivery, why: &str) {
    tracing::warn!(queue = %delivery.queue, receives = delivery.receives, "{why}; it is put back for five minutes");
}

/// Whether a delivery has its complete parcel, so that nothing must be fetched.
pub(super) fn is_whole(delivery: &Delivery) -> bool {
    !delivery.body.is_empty() && !wire::is_stub(&delivery.body)
}

/// Why a parcel's bytes are missing.
enum Absent {
    /// They may still appear.
    Unknown(String),
    /// The bucket does not have them.
    Gone(String),
}

/// Deliveries after their parcels were looked up in the bucket.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Deliveries with a complete parcel.
    pub found: Vec<Delivery>,
    /// Deliveries with only a stub: the bucket does not have their parcel. The text says so.
    pub gone: Vec<(Delivery, String)>,
}

/// A mapping's messages, sorted.
#[derive(Debug, Default)]
pub struct Taken {
    /// Deliveries that are due and can run. A parcel stored in the bucket is a stub.
    pub due: Vec<Delivery>,
    /// Settlements that hide the rest: messages more than a second early, and runs of unknown tasks.
    pub aside: Vec<Settlement>,
}

/// A message as SQS, or Lambda's mapping of a queue, delivers it.
#[derive(Clone, Debug)]
pub struct Incoming<'a> {
    /// The queue, by the name that tasks use.
    pub queue: Arc<str>,
    /// The message's body.
    pub text: &'a str,
    /// The receipt handle.
    pub receipt: &'a str,
    /// How many times it has been received, including this time.
    pub receives: u32,
    /// When it was sent, in milliseconds since 1970.
    pub sent_ms: u64,
    /// When it is due, in milliseconds since 1970; 0 for at once. It may come up to a second early.
    pub due_ms: u64,
}
