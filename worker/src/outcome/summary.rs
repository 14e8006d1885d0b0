//! The result of an invocation, for its one line in the log.

use std::ops::AddAssign;

use celeriac_core::ports::{Claimed, Tally};

/// The result of an invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Parcels that it claimed.
    pub parcels: u64,
    /// Of those, parcels that it could not settle: they are delivered again.
    pub unsettled: u64,
    /// Parcels that it did not claim: another worker holds them, they are finished already, or they cannot be run.
    pub aside: u64,
    /// Calls of the claimed parcels, except those that had ended before.
    pub calls: u64,
    /// Calls that succeeded.
    pub succeeded: u64,
    /// Calls that became dead letters.
    pub dead: u64,
    /// Attempts that failed and are followed by another.
    pub retries: u64,
    /// Calls that go on in other parcels: to be tried again later, or because there was no time left.
    pub handed_on: u64,
}

impl Summary {
    /// The summary of a claimed parcel, before its calls run.
    pub(crate) fn claimed(claimed: &Claimed, count: u32) -> Self {
        let calls = u64::from(count).saturating_sub(claimed.tally.ended());
        Self { parcels: 1, calls, ..Self::default() }
    }

    /// The summary of a parcel that is not claimed.
    pub(crate) fn aside() -> Self {
        Self { aside: 1, ..Self::default() }
    }

    /// Adds the verdicts on its calls, without those that were known before.
    pub(crate) fn judged(mut self, before: &Tally, after: &Tally) -> Self {
        self.succeeded = after.succeeded.saturating_sub(before.succeeded);
        self.dead = after.dead().saturating_sub(before.dead());
        self.retries = after.retries.saturating_sub(before.retries);
        self
    }
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.parcels += other.parcels;
        self.unsettled += other.unsettled;
        self.aside += other.aside;
        self.calls += other.calls;
        self.succeeded += other.succeeded;
        self.dead += other.dead;
        self.retries += other.retries;
        self.handed_on += other.handed_on;
    }
}
