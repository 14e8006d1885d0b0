//! How much time the calls of a parcel have: their timeout, and the end of the invocation.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

/// How much time the calls of a parcel have.
#[derive(Debug)]
pub(crate) struct TimeBudget {
    timeout_us: u64,
    /// When the last call must have ended.
    last_us: u64,
    /// How long a call is expected to take before any call has ended.
    guess_us: u64,
    longest_us: AtomicU64,
    ended_one: AtomicBool,
}

impl TimeBudget {
    /// For calls with this timeout. The last call must have ended at `last_us`, which is `u64::MAX` without a deadline.
    pub(crate) fn new(timeout: Duration, last_us: u64, now_us: u64) -> Self {
        Self {
            timeout_us: timeout.as_micros() as u64,
            last_us,
            guess_us: last_us.saturating_sub(now_us) / 2,
            longest_us: AtomicU64::new(0),
            ended_one: AtomicBool::new(false),
        }
    }

    /// Whether a call that starts now is expected to end in time: within its timeout or, once calls have ended, within
    /// twice the time that the longest of them took.
    pub(crate) fn allows_start(&self, now_us: u64) -> bool {
        if self.last_us == u64::MAX {
            return true;
        }
        let needs_us = if self.ended_one.load(Ordering::Relaxed) {
            self.longest_us.load(Ordering::Relaxed).saturating_mul(2)
        } else {
            self.guess_us
        };
        now_us.saturating_add(needs_us.min(self.timeout_us)) <= self.last_us
    }

    /// The deadline of a call that starts now.
    pub(crate) fn deadline_us(&self, now_us: u64) -> u64 {
        now_us.saturating_add(self.timeout_us).min(self.last_us)
    }

    /// Remembers how long a call took.
    pub(crate) fn took(&self, took_us: u64) {
        if self.last_us < u64::MAX {
            self.longest_us.fetch_max(took_us, Ordering::Relaxed);
            self.ended_one.store(true, Ordering::Relaxed);
        }
    }
}
