//! Counts the events of a host.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use serde::{Deserialize, Serialize};

use crate::now_ns;

/// How often something happened, and when first and last, on the clock of [`now_ns`]; 0 for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// How often.
    pub count: u64,
    /// When first.
    pub first_ns: u64,
    /// When last.
    pub last_ns: u64,
}

/// What a host has seen since it started or was reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Invokes answered with success.
    pub invokes: u64,
    /// The same, noted before the answer is written.
    pub accepted: Mark,
    /// Runs begun.
    pub started: Mark,
    /// Runs ended, well or not.
    pub ended: Mark,
    /// Runs that ended in an error.
    pub failed: u64,
    /// Invokes answered 429.
    pub throttled: u64,
    /// Invokes answered 500.
    pub errors: u64,
    /// Events that were dropped.
    pub dropped: u64,
    /// Events that ran twice.
    pub duplicated: u64,
    /// Connections accepted.
    pub conns: u64,
    /// The most Invokes that waited for their answer at once.
    pub peak_inflight: u64,
    /// Bytes of the payloads.
    pub body_bytes: u64,
    /// SQS messages received.
    pub received: Mark,
    /// Requests to SQS by action.
    pub requests: BTreeMap<String, u64>,
}

/// A [`Mark`] that many threads set.
#[derive(Debug, Default)]
pub(crate) struct Marker {
    count: AtomicU64,
    first_ns: AtomicU64,
    last_ns: AtomicU64,
}

impl Marker {
    pub(crate) fn mark(&self, times: u64) {
        let now_ns = now_ns();
        let _ = self.first_ns.compare_exchange(0, now_ns, Relaxed, Relaxed);
        self.last_ns.fetch_max(now_ns, Relaxed);
        self.count.fetch_add(times, Relaxed);
    }

    fn read(&self) -> Mark {
        Mark {
            count: self.count.load(Relaxed),
            first_ns: self.first_ns.load(Relaxed),
            last_ns: self.last_ns.load(Relaxed),
        }
    }

    fn reset(&self) {
        for part in [&self.count, &self.first_ns, &self.last_ns] {
            part.store(0, Relaxed);
        }
    }
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: Marker,
    pub(crate) started: Marker,
    pub(crate) ended: Marker,
    pub(crate) received: Marker,
    pub(crate) failed: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) duplicated: AtomicU64,
    pub(crate) conns: AtomicU64,
    pub(crate) body_bytes: AtomicU64,
    in_flight: AtomicU64,
    peak_in_flight: AtomicU64,
    requests: Mutex<BTreeMap<String, u64>>,
}

/// An Invoke that is not answered yet.
pub(crate) struct InFlight<'a>(&'a Counters);

impl Counters {
    pub(crate) fn invoke(&self) -> InFlight<'_> {
        let in_flight = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.peak_in_flight.fetch_max(in_flight, Relaxed);
        InFlight(self)
    }

    pub(crate) fn request(&self, action: &str) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        match requests.get_mut(action) {
            Some(count) => *count += 1,
            None => drop(requests.insert(action.to_owned(), 1)),
        }
    }

    pub(crate) fn read(&self) -> Stats {
        let accepted = self.accepted.read();
        Stats {
            invokes: accepted.count,
            accepted,
            started: self.started.read(),
            ended: self.ended.read(),
            failed: self.failed.load(Relaxed),
            throttled: self.throttled.load(Relaxed),
            errors: self.errors.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            duplicated: self.duplicated.load(Relaxed),
            conns: self.conns.load(Relaxed),
            peak_inflight: self.peak_in_flight.load(Relaxed),
            body_bytes: self.body_bytes.load(Relaxed),
            received: self.received.read(),
            requests: self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    pub(crate) fn reset(&self) {
        for marker in [&self.accepted, &self.started, &self.ended, &self.received] {
            marker.reset();
        }
        for count in [&self.failed, &self.throttled, &self.errors, &self.dropped, &self.duplicated] {
            count.store(0, Relaxed);
        }
        for count in [&self.conns, &self.body_bytes, &self.peak_in_flight] {
            count.store(0, Relaxed);
        }
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
