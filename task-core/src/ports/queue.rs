//! The port to the message queue. Its semantics are those of SQS: at least once, in no certain order, hidden while
//! being worked on.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures::future::BoxFuture;

use super::{PortError, SendError};
use crate::{lane::Lane, wire::Header};

/// A message to send: one encoded parcel. `Debug` shows its size, not its content.
#[derive(Clone)]
pub struct Outgoing {
    /// The queue's name.
    pub queue: Arc<str>,
    /// The lane of the queue: that of the parcel's header.
    pub lane: Lane,
    /// The encoded parcel.
    pub body: Bytes,
    /// When it may first be received, in milliseconds since 1970; 0 for at once. It may be arbitrarily far away: an
    /// adapter whose service limits delays finds another way.
    pub due_ms: u64,
}

impl Outgoing {
    /// A message with these bytes, in the lane that their header names. Bytes that are no parcel are in the interactive
    /// lane.
    pub fn of(queue: impl Into<Arc<str>>, body: impl Into<Bytes>, due_ms: u64) -> Self {
        let body = body.into();
        let lane = Header::peek(&body).map_or(Lane::Interactive, |header| header.lane());
        Self { queue: queue.into(), lane, body, due_ms }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queue, lane, body, due_ms } = self;
        f.debug_struct("Outgoing")
            .field("queue", queue)
            .field("lane", lane)
            .field("bytes", &body.len())
            .field("due_ms", due_ms)
            .finish()
    }
}

/// A request for messages.
#[derive(Clone, Debug)]
pub struct Receive {
    /// The queues, in the order in which they are looked at.
    pub queues: Vec<Arc<str>>,
    /// The lanes to receive from, in the order in which they are looked at: all queues of the first lane come before any
    /// of the second. A backend that keeps both lanes together ([`Lanes::Together`]) does not look at this.
    pub lanes: &'static [Lane],
    /// The most messages to return.
    pub max: usize,
    /// For how long the messages are hidden from others, in milliseconds.
    pub hide_ms: u64,
    /// How long to wait for a first message, in milliseconds; 0 returns at once.
    pub wait_ms: u64,
}

/// Whether a backend's queue keeps its two lanes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lanes {
    /// A receive of one lane returns no message of the other, and does not look at any.
    Apart,
    /// Both are one: each receive returns messages of both, in no certain order.
    Together,
}

/// The lanes that one loop of a process receives from. Where lanes are apart, a process has a loop for each, which wait
/// for nothing of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLoop {
    /// The lane whose places the loop fills.
    pub places: Lane,
    /// The lanes that it receives from.
    pub lanes: &'static [Lane],
}

impl Lanes {
    /// The loops that receive.
    pub fn loops(self) -> &'static [LaneLoop] {
        match self {
            Self::Apart => &[
                LaneLoop { places: Lane::Interactive, lanes: &[Lane::Interactive] },
                LaneLoop { places: Lane::Bulk, lanes: &[Lane::Bulk] },
            ],
            Self::Together => &[LaneLoop { places: Lane::Bulk, lanes: Lane::ALL }],
        }
    }
}

/// The queues of a process that receives from several. They take turns in being looked at first, so that a long backlog
/// in one queue does not keep the others waiting.
#[derive(Clone, Debug)]
pub struct Turns(Vec<Arc<str>>);

impl Turns {
    /// Begins with the first of these.
    pub fn new(queues: Vec<Arc<str>>) -> Self {
        Self(queues)
    }

    /// The queues in the order in which to look at them now. The next call begins with the second of them.
    pub fn take(&mut self) -> Vec<Arc<str>> {
        let queues = self.0.clone();
        if !self.0.is_empty() {
            self.0.rotate_left(1);
        }
        queues
    }
}

/// One delivery of a message. `Debug` shows its size, not its content.
#[derive(Clone)]
pub struct Delivery {
    /// The queue it came from.
    pub queue: Arc<str>,
    /// The encoded parcel.
    pub body: Bytes,
    /// Identifies this delivery when it is settled.
    pub receipt: Receipt,
    /// How many times the message has been delivered, including this time.
    pub receives: u32,
    /// When it was sent, in milliseconds since 1970.
    pub sent_ms: u64,
}

impl Delivery {
    /// The settlement that settles its message in this way.
    pub fn settled(&self, settle: Settle) -> Settlement {
        Settlement { queue: Arc::clone(&self.queue), receipt: self.receipt.clone(), settle }
    }

    /// The settlement that deletes its message.
    pub fn deleted(&self) -> Settlement {
        self.settled(Settle::Delete)
    }

    /// The settlement that shows its message again at this time, in milliseconds since 1970.
    pub fn hidden(&self, until_ms: u64) -> Settlement {
        self.settled(Settle::Hide { until_ms })
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queue, body, receipt, receives, sent_ms } = self;
        f.debug_struct("Delivery")
            .field("queue", queue)
            .field("bytes", &body.len())
            .field("receipt", receipt)
            .field("receives", receives)
            .field("sent_ms", sent_ms)
            .finish()
    }
}

/// Identifies one delivery of one message. A later delivery of the message has another receipt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt(pub Arc<str>);

/// What to do with a delivered message. `Debug` does not show its body.
#[derive(Clone, PartialEq, Eq)]
pub enum Settle {
    /// It is finished.
    Delete,
    /// It is delivered again at this time, in milliseconds since 1970, unless it is hidden further or deleted before.
    Hide {
        /// When it reappears.
        until_ms: u64,
    },
    /// It is unreadable: it goes to the queue's dead-letter queue, with the reason.
    Bury {
        /// The reason, for the reader of the dead-letter queue.
        reason: String,
        /// The message's body, for services that cannot move a message and have to send it again.
        body: Bytes,
    },
}

impl fmt::Debug for Settle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delete => f.write_str("Delete"),
            Self::Hide { until_ms } => f.debug_struct("Hide").field("until_ms", until_ms).finish(),
            Self::Bury { reason, body } => {
                f.debug_struct("Bury").field("reason", reason).field("bytes", &body.len()).finish()
            }
        }
    }
}

/// What to do with one delivery.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The queue it came from.
    pub queue: Arc<str>,
    /// Which delivery.
    pub receipt: Receipt,
    /// What to do with its message.
    pub settle: Settle,
}

/// How full a queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    /// The queue's name.
    pub queue: Arc<str>,
    /// Messages that can be received now.
    pub ready: u64,
    /// Messages that wait for their time, never received.
    pub delayed: u64,
    /// Messages hidden because they are being worked on.
    pub in_flight: u64,
    /// Messages in the dead-letter queue.
    pub buried: u64,
    /// When the oldest ready message was sent, in milliseconds since 1970. `None` if there is none, or if the service
    /// does not say.
    pub oldest_ms: Option<u64>,
}

/// A message queue.
pub trait Queue: Send + Sync + 'static {
    /// Sends messages. `Ok` for an item means that it is durable. The answers are in the order of the messages.
    fn send(&self, messages: Vec<Outgoing>) -> BoxFuture<'_, Vec<Result<(), SendError>>>;

    /// Receives messages that are due and not hidden, and hides them. Empty if none came in time.
    fn receive(&self, request: Receive) -> BoxFuture<'_, Result<Vec<Delivery>, PortError>>;

    /// Settles deliveries. A receipt that is no longer valid changes nothing, and is [`PortError::Stale`]. A deletion by it
    /// may be `Ok` instead: SQS does not say ("otherwise, the request succeeds, but the message will not be deleted", its
    /// API reference, `DeleteMessage`).
    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Vec<Result<(), PortError>>>;

    /// The depth of each queue that has ever had a message.
    fn depths(&self) -> BoxFuture<'_, Result<Vec<Depth>, PortError>>;
}
