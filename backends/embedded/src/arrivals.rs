//! Tells the receives that wait in this process that there may be messages for them.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, futures::Notified};

/// Counts what may have brought messages, and wakes the receives that wait.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    own: AtomicU64,
    others: AtomicU64,
    notify: Notify,
}

/// How often messages may have come so far. While it is the same, a look at the file finds what the last one found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// Commits of this process.
    pub(super) own: u64,
    /// Commits of other processes. Several may count as one.
    pub(super) others: u64,
}

impl Arrivals {
    /// This process has committed messages.
    pub(super) fn own(&self) {
        self.own.fetch_add(1, Ordering::AcqRel);
        self.notify.notify_waiters();
    }

    /// Another process may have committed messages.
    pub(super) fn others(&self) {
        self.others.fetch_add(1, Ordering::AcqRel);
        self.notify.notify_waiters();
    }

    /// To be read before a look at the file.
    pub(super) fn heard(&self) -> Heard {
        Heard { own: self.own.load(Ordering::Acquire), others: self.others.load(Ordering::Acquire) }
    }

    /// Ends with the next arrival, once it is enabled.
    pub(super) fn next(&self) -> Notified<'_> {
        self.notify.notified()
    }
}
