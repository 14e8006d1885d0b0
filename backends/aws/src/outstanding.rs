//! Counts outstanding invocations over all launchers: up before they are launched and down when they end. Each counts
//! under the minute in which its lease ends, so that those that die silently are forgotten then.
//!
//! The count is in several items, its shards, since DynamoDB takes a thousand writes a second to one item (its guide,
//! "Best practices for designing and using partition keys"). Each shard has its part of the cap, and an invocation
//! says which one it counts in.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Settings,
    platform::{Minutes, Platform},
};
use celeriac_core::ports::{Clock, Entropy, PortError};

/// The most past minutes that one write removes. The next write removes further ones.
const REMOVED: usize = 20;

/// The part of the cap that is worth a shard. At 100 ms each, this many workers start and end 640 invocations a second.
const SHARD: usize = 64;

/// The most shards. All of them take 16,000 writes a second.
const MOST_SHARDS: usize = 16;

/// The count of outstanding invocations, over all launchers.
#[derive(Clone)]
pub struct Outstanding {
    counter: Arc<Counter>,
}

struct Counter {
    platform: Arc<dyn Platform>,
    lease_ms: u64,
    cap: usize,
    shards: u8,
    clock: Arc<dyn Clock>,
    /// The next shard to count in. It begins at random, so that launchers differ.
    next: AtomicU64,
    /// Past minutes in the last answer, by shard.
    over: Mutex<BTreeMap<u8, Vec<u64>>>,
    /// Ends whose write was refused, by shard and minute. The next write of that shard subtracts them too.
    owed: Mutex<BTreeMap<u8, Minutes>>,
}

/// The granted part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// The shard that they count in.
    pub(super) shard: u8,
    /// The minute that they count under.
    pub(super) minute: u64,
    /// Their number.
    pub(super) count: usize,
}

impl Outstanding {
    pub(super) fn new(
        settings: &Settings,
        platform: Arc<dyn Platform>,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Self {
        let (lease_ms, cap) = (settings.lease.as_millis() as u64, settings.cap);
        let shards = (cap / SHARD).clamp(1, MOST_SHARDS) as u8;
        let next = AtomicU64::new(if shards > 1 { entropy.next_u64() } else { 0 });
        let (over, owed) = (Mutex::default(), Mutex::default());
        Self { counter: Arc::new(Counter { platform, lease_ms, cap, shards, clock, next, over, owed }) }
    }

    /// Counts up to `most` more invocations, whose leases end after the lease of the settings; fewer at the cap. Those
    /// given back in exchange no longer count.
    pub(super) async fn reserve(&self, most: usize, back: Option<Counted>) -> Result<Counted, PortError> {
        let counter = &*self.counter;
        let shard = back.map_or_else(|| counter.turn(), |back| back.shard);
        let counted = counter.reserve(shard, most, back).await?;
        if counted.count > 0 || counter.shards == 1 { Ok(counted) } else { self.reserve_where_room_is(most).await }
    }

    /// The same, after reading where there is room. Counting first and taking back the excess would keep capacity from
    /// others meanwhile, and cost two writes.
    pub(super) async fn reserve_where_room_is(&self, most: usize) -> Result<Counted, PortError> {
        let counter = &*self.counter;
        match counter.room(most).await? {
            Some((shard, rooms)) => counter.reserve(shard, rooms, None).await,
            None => Ok(Counted { shard: 0, minute: counter.minute(), count: 0 }),
        }
    }

    /// The most that one request is worth: the part of a shard.
    pub(super) fn worth(&self, most: usize) -> usize {
        most.min(self.counter.part(self.counter.shards - 1))
    }

    /// Subtracts invocations that have ended, or never began.
    pub(super) async fn give_back(&self, counted: Counted) -> Result<(), PortError> {
        self.counter.give_back(counted).await
    }

    /// Subtracts an ended invocation that counted in this shard under this minute. If the write is refused, the next one
    /// of this process subtracts it too; if there is none, it counts until the minute has passed.
    pub async fn release(&self, minute: u64, shard: u8) {
        if let Err(error) = self.give_back(Counted { shard, minute, count: 1 }).await {
            tracing::debug!(%error, "an invocation counts as outstanding until the next one of this process ends");
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

    /// The next shard.
    fn turn(&self) -> u8 {
        (self.next.fetch_add(1, Ordering::Relaxed) % u64::from(self.shards)) as u8
    }

    /// A shard's part of the cap. The first shards have the remainder.
    fn part(&self, shard: u8) -> usize {
        let shards = usize::from(self.shards);
        self.cap / shards + usize::from(usize::from(shard) < self.cap % shards)
    }

    async fn reserve(&self, shard: u8, most: usize, back: Option<Counted>) -> Result<Counted, PortError> {
        let minute = self.minute();
        let mut moved = Minutes::from([(minute, signed(most))]);
        if let Some(back) = back.filter(|back| !self.is_over(back.minute)) {
            *moved.entry(back.minute).or_default() -= signed(back.count);
        }
        let counted = self.add(shard, &moved).await?;
        let count = most.saturating_sub(excess(&counted, self.now_minute(), self.part(shard), 0));
        if count < most
            && let Err(error) = self.give_back(Counted { shard, minute, count: most - count }).await
        {
            tracing::debug!(%error, "invocations count as outstanding that were not launched, until their lease ends");
        }
        Ok(Counted { shard, minute, count })
    }

    /// The shard with the most room, and how many of `most` it has room for now. This only reads.
    async fn room(&self, most: usize) -> Result<Option<(u8, usize)>, PortError> {
        let shards = self.platform.look(self.shards).await?;
        let room = |(shard, counted): (&u8, &Minutes)| {
            let rooms = most.saturating_sub(excess(counted, self.now_minute(), self.part(*shard), most));
            (rooms > 0).then_some((*shard, rooms))
        };
        // Launchers that look at the same time begin at different shards.
        let from = self.turn();
        let distance = |shard: u8| (shard + self.shards - from) % self.shards;
        let rooms = shards.iter().filter(|(shard, _)| **shard < self.shards).filter_map(room);
        Ok(rooms.max_by_key(|(shard, rooms)| (*rooms, std::cmp::Reverse(distance(*shard)))))
    }

    async fn give_back(&self, counted: Counted) -> Result<(), PortError> {
        let Counted { shard, minute, count } = counted;
        if count == 0 || self.is_over(minute) {
            return Ok(());
        }
        self.add(shard, &Minutes::from([(minute, -signed(count))])).await.map(drop)
    }

    fn now_minute(&self) -> u64 {
        self.clock.now_ms() / 60_000
    }

    fn is_over(&self, minute: u64) -> bool {
        minute < self.now_minute()
    }

    /// Changes the counts of some minutes of a shard, and returns all its counts. Also subtracts what is owed, and
    /// removes past minutes.
    async fn add(&self, shard: u8, moved: &Minutes) -> Result<Minutes, PortError> {
        let now_minute = self.now_minute();
        let over = lock(&self.over).remove(&shard).unwrap_or_default();
        let mut owed = lock(&self.owed).remove(&shard).unwrap_or_default();
        owed.retain(|minute, _| *minute >= now_minute);
        let mut all = moved.clone();
        for (minute, count) in &owed {
            *all.entry(*minute).or_default() += count;
        }
        match self.platform.count(shard, &all, &over).await {
            Ok(counted) => {
                let over = counted.keys().copied().filter(|minute| *minute < now_minute).take(REMOVED).collect();
                lock(&self.over).insert(shard, over);
                Ok(counted)
            }
            Err(error) => {
                // Refused, so that nothing was written. If it may have been, subtracting twice would exceed the cap.
                if matches!(error, PortError::Unavailable { .. }) {
                    self.owe(shard, owed.into_iter().chain(moved.iter().map(|(minute, count)| (*minute, *count))));
                }
                Err(error)
            }
        }
    }

    /// Remembers ends that could not be counted. Launches that could not be are not made.
    fn owe(&self, shard: u8, ends: impl Iterator<Item = (u64, i64)>) {
        let mut owed = lock(&self.owed);
        let owed = owed.entry(shard).or_default();
        for (minute, count) in ends.filter(|(_, count)| *count < 0) {
            *owed.entry(minute).or_default() += count;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// By how many a shard's part of the cap is exceeded, with `beside` more in addition to the counted ones.
fn excess(counted: &Minutes, now_minute: u64, part: usize, beside: usize) -> usize {
    // A duplicate of an event is subtracted twice.
    let outstanding: i64 = counted.range(now_minute..).map(|(_, count)| (*count).max(0)).sum();
    usize::try_from(outstanding.saturating_add(signed(beside)) - signed(part)).unwrap_or(0)
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
