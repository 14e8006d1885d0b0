//! How many invocations are outstanding, over all who launch them: one item, counted up before they are launched and
//! down when they end. Each is counted under the minute in which its lease ends, so that those that died without a word
//! are forgotten then.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Settings,
    platform::{Minutes, Platform},
};
use celeriac_core::ports::{Clock, PortError};

/// How many minutes that are over are removed by one write. Others are by the next.
const REMOVED: usize = 20;

/// How many invocations are outstanding, over all who launch them.
#[derive(Clone)]
pub struct Outstanding {
    counter: Arc<Counter>,
}

struct Counter {
    platform: Arc<dyn Platform>,
    lease_ms: u64,
    cap: usize,
    clock: Arc<dyn Clock>,
    /// Minutes that are over, as the last answer had them.
    over: Mutex<Vec<u64>>,
}

/// What was granted of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// Under which minute.
    pub(super) minute: u64,
    /// How many.
    pub(super) count: usize,
}

impl Outstanding {
    pub(super) fn new(settings: &Settings, platform: Arc<dyn Platform>, clock: Arc<dyn Clock>) -> Self {
        let (lease_ms, cap) = (settings.lease.as_millis() as u64, settings.cap);
        Self { counter: Arc::new(Counter { platform, lease_ms, cap, clock, over: Mutex::default() }) }
    }

    /// Counts up to `most` more, whose leases end after that of the settings; fewer if that would be more than the cap.
    /// What is given back in exchange is no longer counted.
    pub(super) async fn reserve(&self, most: usize, back: Option<Counted>) -> Result<Counted, PortError> {
        self.counter.reserve(most, back).await
    }

    /// How many of `most` would be granted now. Asks without counting anything, as whoever waits for room does: who counts
    /// first and takes back what is too much keeps others meanwhile from room that there is, and has two writes at an item
    /// that takes a thousand a second.
    pub(super) async fn room(&self, most: usize) -> Result<usize, PortError> {
        self.counter.room(most).await
    }

    /// These have ended, or never began.
    pub(super) async fn give_back(&self, counted: Counted) -> Result<(), PortError> {
        self.counter.give_back(counted).await
    }

    /// An invocation has ended that was counted under this minute. If that cannot be said, it counts until its minute is
    /// over.
    pub async fn release(&self, minute: u64) {
        if let Err(error) = self.give_back(Counted { minute, count: 1 }).await {
            tracing::debug!(%error, "an invocation counts as outstanding until its lease is over");
        }
    }

    /// The minute under which what is launched now is counted.
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
            tracing::debug!(%error, "invocations count as outstanding that were not launched, until their lease is over");
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

    /// Moves the counts of some minutes, and answers all. Minutes that are over are removed on the way.
    async fn add(&self, moved: &Minutes) -> Result<Minutes, PortError> {
        let over = std::mem::take(&mut *self.over.lock().unwrap_or_else(PoisonError::into_inner));
        let counted = self.platform.count(moved, &over).await?;
        let now_minute = self.now_minute();
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) =
            counted.keys().copied().filter(|minute| *minute < now_minute).take(REMOVED).collect();
        Ok(counted)
    }
}

/// How many more than the cap are outstanding, with so many beside those that are counted.
fn excess(counted: &Minutes, now_minute: u64, cap: usize, beside: usize) -> usize {
    // A duplicate of an event is counted down twice.
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
        assert_eq!(excess(&counted(2), 100, 10, 7), 2, "so would be two of seven more");
        assert_eq!(excess(&counted(50), 100, 10, 7), 50, "and all of them");
        assert_eq!(excess(&Minutes::new(), 100, 10, 7), 0, "an item that is not there yet");
    }
}
