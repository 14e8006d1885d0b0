//! A tally with negative counts, which a batch has for a while when a call that died in an unfinished parcel is
//! retried.

use celeriac_core::ports::Tally;

/// The counts of a tally, in the order of its fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts([i64; 8]);

impl Counts {
    pub(super) fn of(tally: &Tally) -> Self {
        let Tally { succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries } = *tally;
        Self([succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries].map(u64::cast_signed))
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] + other.0[at]))
    }

    pub(super) fn negated(self) -> Self {
        Self(self.0.map(|count| -count))
    }

    /// How many calls have ended, without counting attempts.
    pub(super) fn ended(self) -> i64 {
        self.0[..7].iter().sum()
    }

    pub(super) fn tally(self) -> Tally {
        let [succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries] =
            self.0.map(|count| count.max(0) as u64);
        Tally { succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries }
    }
}
