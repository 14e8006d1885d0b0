//! The faults of a simulation and their rates, in events per million.

use std::time::Duration;

/// Which faults happen, and how often.
#[derive(Clone, Debug)]
pub struct Weather {
    /// The latency of a request, and of its answer: between these, in microseconds.
    pub latency_us: (u64, u64),
    /// Requests or answers that take up to two seconds more.
    pub late: u32,
    /// Requests that are refused: throttled, or the connection could not be made.
    pub refused: u32,
    /// Requests that get lost. The caller does not know.
    pub unsent: u32,
    /// Requests that arrive up to a minute late, long after their caller got an unknown outcome.
    pub stray: u32,
    /// Answers that get lost although the request succeeded. The caller does not know.
    pub unanswered: u32,
    /// Sends that arrive twice.
    pub sent_twice: u32,
    /// Items of a batch that are refused while others succeed.
    pub item_refused: u32,
    /// Messages that a receive overlooks, so that order is lost.
    pub overlooked: u32,
    /// Messages that are delivered again at once.
    pub delivered_twice: u32,
    /// Messages that return although they were deleted.
    pub deleted_in_vain: u32,
    /// The number of receives after which a message moves to the dead-letter queue; 0 for never.
    pub max_receives: u32,
    /// The most messages of a queue that may be received and hidden at a time. Beyond that none are delivered. 0 for no
    /// limit.
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
    /// Which service.
    pub service: Service,
    /// The start, since the simulation began.
    pub from: Duration,
    /// The end.
    pub to: Duration,
}

/// The target of a request.
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
    /// No faults, and every request takes a millisecond each way.
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

    /// The same latencies without faults.
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
