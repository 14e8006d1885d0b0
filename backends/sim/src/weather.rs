//! What goes wrong, and how often. Rates are so many times in a million.

use std::time::Duration;

/// What goes wrong, and how often.
#[derive(Clone, Debug)]
pub struct Weather {
    /// How long a request, and its answer, is on its way: between these, in microseconds.
    pub latency_us: (u64, u64),
    /// Requests or answers that take up to two seconds more.
    pub late: u32,
    /// Requests that are refused: throttled, or the connection could not be made.
    pub refused: u32,
    /// Requests that get lost: the caller does not know.
    pub unsent: u32,
    /// Requests that arrive up to a minute late, long after the caller was told that nobody knows.
    pub stray: u32,
    /// Answers that get lost, though what was asked is done: the caller does not know.
    pub unanswered: u32,
    /// Sends that arrive twice.
    pub sent_twice: u32,
    /// Items of a batch that are refused while others are done.
    pub item_refused: u32,
    /// Messages that a receive does not find though they are there, so that order is lost.
    pub overlooked: u32,
    /// Messages that are delivered again at once.
    pub delivered_twice: u32,
    /// Messages that come again though they were deleted.
    pub deleted_in_vain: u32,
    /// After how many receives a message is moved to the dead-letter queue; 0 for never.
    pub max_receives: u32,
    /// How many messages of a queue may be received and hidden at a time: beyond that no more are delivered. 0 for as
    /// many as there are.
    pub in_flight: usize,
    /// Events of a function that run twice.
    pub event_twice: u32,
    /// Events of a function that are dropped.
    pub event_lost: u32,
    /// Services that do not answer for a while.
    pub outages: Vec<Outage>,
}

/// A service that refuses everything for a while.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// Which.
    pub service: Service,
    /// From when, since the simulation began.
    pub from: Duration,
    /// Until when.
    pub to: Duration,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The queue.
    Queue,
    /// The ledger, batches, dead letters and schedules.
    Ledger,
    /// Lambda.
    Functions,
}

impl Weather {
    /// Nothing goes wrong, and every request takes a millisecond each way.
    pub fn calm() -> Self {
        Self {
            latency_us: (1000, 1000),
            late: 0,
            refused: 0,
            unsent: 0,
            stray: 0,
            unanswered: 0,
            sent_twice: 0,
            item_refused: 0,
            overlooked: 0,
            delivered_twice: 0,
            deleted_in_vain: 0,
            max_receives: 0,
            in_flight: 0,
            event_twice: 0,
            event_lost: 0,
            outages: Vec::new(),
        }
    }

    /// The same, but nothing goes wrong any more.
    #[must_use]
    pub fn clearing(&self) -> Self {
        let Self { latency_us, max_receives, in_flight, .. } = *self;
        Self { latency_us, max_receives, in_flight, ..Self::calm() }
    }

    pub(super) fn is_out(&self, service: Service, now_us: u64) -> bool {
        let now = Duration::from_micros(now_us);
        self.outages.iter().any(|outage| outage.service == service && outage.from <= now && now < outage.to)
    }
}
