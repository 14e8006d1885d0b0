//! The counts of ended calls: of a parcel, of a batch, and the numbers by which a batch's counters change.

use std::ops::{Add, Neg};

use serde::{Deserialize, Serialize};

use super::Reason;

/// How many calls ended in each state. A call counts once, in its final state; `retries` counts attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Returned `Ok`.
    pub succeeded: u64,
    /// Failed for the last time, or were cancelled.
    pub failed: u64,
    /// Ran over their timeout for the last time.
    pub timed_out: u64,
    /// Their worker died with them.
    pub crashed: u64,
    /// Were revoked before they ran.
    pub revoked: u64,
    /// Were not started before they expired.
    pub expired: u64,
    /// May or may not have run: `at_most_once` calls whose worker died.
    pub unknown: u64,
    /// Attempts that failed and were followed by another.
    pub retries: u64,
}

impl Tally {
    /// One call that died for this reason.
    pub fn one(reason: Reason) -> Self {
        let mut tally = Self::default();
        tally.died(reason);
        tally
    }

    /// The calls that died for this reason.
    pub fn of(&self, reason: Reason) -> u64 {
        match reason {
            Reason::Failed => self.failed,
            Reason::TimedOut => self.timed_out,
            Reason::Crashed => self.crashed,
            Reason::Revoked => self.revoked,
            Reason::Expired => self.expired,
            Reason::Unknown => self.unknown,
        }
    }

    /// Counts a call that died for this reason.
    pub fn died(&mut self, reason: Reason) {
        *match reason {
            Reason::Failed => &mut self.failed,
            Reason::TimedOut => &mut self.timed_out,
            Reason::Crashed => &mut self.crashed,
            Reason::Revoked => &mut self.revoked,
            Reason::Expired => &mut self.expired,
            Reason::Unknown => &mut self.unknown,
        } += 1;
    }

    /// Calls that ended without success: each is a dead letter.
    pub fn dead(&self) -> u64 {
        Reason::ALL.into_iter().map(|reason| self.of(reason)).sum()
    }

    /// Calls that ended.
    pub fn ended(&self) -> u64 {
        self.succeeded + self.dead()
    }
}

/// The counts of a [`Tally`] as an array, in the order of its fields: what a backend stores, adds and subtracts. Counts can
/// be negative. Those of a batch are for a while when a call that died in an unfinished parcel is retried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub [i64; 8]);

impl Counts {
    /// The counts of a tally.
    pub fn of(tally: &Tally) -> Self {
        let Tally { succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries } = *tally;
        Self([succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries].map(u64::cast_signed))
    }

    /// The tally with these counts. A negative count becomes 0.
    pub fn tally(self) -> Tally {
        let [succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries] =
            self.0.map(|count| count.max(0).cast_unsigned());
        Tally { succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries }
    }

    /// Calls that ended, which leaves out `retries`.
    pub fn ended(self) -> i64 {
        let [ended @ .., _retries] = self.0;
        ended.iter().sum()
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] + other.0[at]))
    }
}

impl Neg for Counts {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.map(|count| -count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_keep_the_order_of_a_tally() {
        let tally = Counts([1, 2, 3, 4, 5, 6, 7, 8]).tally();
        assert_eq!((tally.succeeded, tally.unknown, tally.retries), (1, 7, 8));
        assert_eq!(Counts::of(&tally), Counts([1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!(Counts::of(&tally).ended(), 28);
        assert_eq!(tally.ended(), 28);
    }

    #[test]
    fn a_negative_count_is_added_up_before_it_is_read() {
        let retried = -Counts::of(&Tally::one(Reason::Crashed));
        assert_eq!((retried.ended(), retried.tally()), (-1, Tally::default()));
        let dead = Counts::of(&Tally { crashed: 3, ..Tally::default() });
        assert_eq!((retried + dead).tally(), Tally { crashed: 2, ..Tally::default() });
    }
}
