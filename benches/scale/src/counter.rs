//! How many invocations are outstanding, over all dispatchers: what `task-core/src/aws/outstanding.rs` asks of the table, and
//! what it grants. Counts belong to the minute in which their lease ends, and are forgotten after it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use task_core::ports::PortError;

use crate::{
    aws::{Ask, Key, Way},
    limits,
};

/// The item that all dispatchers and workers count at.
#[derive(Clone)]
pub(crate) struct Counter {
    minutes: Arc<Mutex<BTreeMap<u64, i64>>>,
    cap: i64,
}

/// What was granted to a dispatcher and is not launched yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Granted {
    pub(crate) minute: u64,
    pub(crate) count: usize,
}

impl Counter {
    pub(crate) fn new(cap: usize) -> Self {
        Self { minutes: Arc::default(), cap: signed(cap) }
    }

    /// Counts up to `most` more, fewer if that would be more than the cap.
    pub(crate) async fn reserve(&self, most: usize, way: &Way) -> Result<Granted, PortError> {
        let now_ms = way.clock.now_ms();
        let minute = (now_ms + limits::LEASE.as_millis() as u64) / 60_000;
        self.add(minute, signed(most), way).await?;
        let outstanding: i64 = self.minutes().range(now_ms / 60_000..).map(|(_, count)| (*count).max(0)).sum();
        let excess = usize::try_from(outstanding - self.cap).unwrap_or(0).min(most);
        self.give_back(Granted { minute, count: excess }, way).await;
        Ok(Granted { minute, count: most - excess })
    }

    /// These have ended, or never began. If that cannot be said, they count until their minute is over.
    pub(crate) async fn give_back(&self, granted: Granted, way: &Way) {
        if granted.count > 0 {
            // The error is counted where it happens.
            drop(self.add(granted.minute, -signed(granted.count), way).await);
        }
    }

    /// An invocation has ended that was counted under this minute.
    pub(crate) async fn release(&self, minute: u64, way: &Way) {
        self.give_back(Granted { minute, count: 1 }, way).await;
    }

    async fn add(&self, minute: u64, count: i64, way: &Way) -> Result<(), PortError> {
        way.ask(Ask { operation: "UpdateItem", units: 1.0, key: Some(Key::Outstanding(0)) }).await?;
        *self.minutes().entry(minute).or_default() += count;
        Ok(())
    }

    fn minutes(&self) -> MutexGuard<'_, BTreeMap<u64, i64>> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
