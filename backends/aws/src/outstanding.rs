//! Counts outstanding invocations over all launchers, in one item: up before they are launched and down when they end.
//! Each counts under the minute in which its lease ends, so that those that die silently are forgotten then.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Settings,
    platform::{Minutes, Platform},
};
use celeriac_core::ports::{Clock, PortError};

/// The most past minutes that one write removes. The next write removes further ones.
const REMOVED: usize = 20;

/// The count of outstanding invocations, over all launchers.
#[derive(Clone)]
pub struct Outstanding {
    counter: Arc<Counter>,
}

struct Counter {
    platform: Arc<dyn Platform>,
    lease_ms: u64,
    cap: usize,
    clock: Arc<dyn Clock>,
    /// Past minutes in the last answer.
    over: Mutex<Vec<u64>>,
}

/// The granted part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// The minute that they count under.
    pub(super) minute: u64,
    /// Their number.
    pub(super) count: usize,
}

impl Outstanding {
    pub(super) fn new(settings: &Settings, platform: Arc<dyn Platform>, clock: Arc<dyn Clock>) -> Self {
        let (lease_ms, cap) = (settings.lease.as_millis() as u64, settings.cap);
        Self { counter: Arc::new(Counter { platform, lease_ms, cap, clock, over: Mutex::default() }) }
    }

    /// Counts up to `most` more invocations, whose leases end after the lease of the settings; fewer at the cap. Those
    /// given back in exchange no longer count.
    pub(super) async fn reserve(&self, most: usize, back: Option<Counted>) -> Result<Counted, PortError> {
        self.counter.reserve(most, back).await
    }

    /// How many of `most` would be granted now. This only reads, for callers that wait for capacity. Counting first and
    /// taking back the excess would keep capacity from others meanwhile, and cost two writes to an item that takes a
    /// thousand a second.
    pub(super) async fn room(&self, most: usize) -> Result<usize, PortError> {
        self.counter.room(most).await
    }

    /// Subtracts invocations that have ended, or never began.
    pub(super) async fn give_back(&self, counted: Counted) -> Result<(), PortError> {
        self.counter.give_back(counted).await
    }

    /// Subtracts an ended invocation that counted under this minute. If the write fails, it counts until the minute has
    /// passed.
    pub async fn release(&self, minute: u64) {
        if let Err(error) = self.give_back(Counted { minute, count: 1 }).await {
            tracing::debug!(%error, "an invocation counts as outstanding until its lease ends");
        }
    }

    /// The minute under which invocations launched now count.
    pub(super) fn minute(&self) -> u64 {
        self.counter.minute()
    }
}

impl Counter {
    fn minute(&self) -> u64 {
        (self.clock.now_ms() + self.lease_ms) / 60_000
    }

    async fn reserve(&self, most: usize, back: Option<Counted>) -> Result<Counted, PortError> {
        let minute = self.minute();
        let mut moved = Minutes::from([(minute, signed(most))]);
        if let Some(back) = back.filter(|back| !self.is_over(back.minute)) {
            *moved.entry(back.minute).or_default() -= signed(back.count);
        }
        let counted = self.add(&moved).await?;
        let granted = most.saturating_sub(excess(&counted, self.now_minute(), self.cap, 0));
        if granted < most
            && let Err(error) = self.give_back(Counted { minute, count: most - granted }).await
        {
            tracing::debug!(%error, "invocations count as outstanding that were not launched, until their lease ends");
        }
        Ok(Counted { minute, count: granted })
    }

    async fn room(&self, most: usize) -> Result<usize, PortError> {
        let counted = self.platform.look().await?;
        Ok(most.saturating_sub(excess(&counted, self.now_minute(), self.cap, most)))
    }

    async fn give_back(&self, counted: Counted) -> Result<(), PortError> {
        if counted.count == 0 || self.is_over(counted.minute) {
            return Ok(());
        }
        self.add(&Minutes::from([(counted.minute, -signed(counted.count))])).await.map(drop)
    }

    fn now_minute(&self) -> u64 {
        self.clock.now_ms() / 60_000
    }

    fn is_over(&self, minute: u64) -> bool {
        minute < self.now_minute()
    }

    /// Changes the counts of some minutes, and returns all counts. Also removes past minutes.
    async fn add(&self, moved: &Minutes) -> Result<Minutes, PortError> {
        let over = std::mem::take(&mut *self.over.lock().unwrap_or_else(PoisonError::into_inner));
        let counted = self.platform.count(moved, &over).await?;
        let now_minute = self.now_minute();
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) =
            counted.keys().copied().filter(|minute| *minute < now_minute).take(REMOVED).collect();
        Ok(counted)
    }
}

/// By how many the cap is exceeded, with `beside` more in addition to the counted ones.
fn excess(counted: &Minutes, now_minute: u64, cap: usize, beside: usize) -> usize {
    // A duplicate of an event is subtracted twice.
    let outstanding: i64 = counted.range(now_minute..).map(|(_, count)| (*count).max(0)).sum();
    usize::try_from(outstanding.saturating_add(signed(beside)) - signed(cap)).unwrap_or(0)
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl fmt::Debug for Outstanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outstanding").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_granted_than_the_cap_leaves() {
        let counted = |now: i64| Minutes::from([(99, 1000), (100, 3), (101, now), (102, -2)]);
        assert_eq!(excess(&counted(7), 100, 10, 0), 0);
        assert_eq!(excess(&counted(9), 100, 10, 0), 2, "two are over the cap");
        assert_eq!(excess(&counted(2), 100, 10, 7), 2, "two of seven more would be over it");
        assert_eq!(excess(&counted(50), 100, 10, 7), 50, "all seven would be over it");
        assert_eq!(excess(&Minutes::new(), 100, 10, 7), 0, "an item that is not there yet");
    }
}
