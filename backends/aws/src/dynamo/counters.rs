//! A batch's counters: how many of its calls ended in each state, spread over shards.

use super::{
    change::Change,
    item::{Fields, Item, number},
    keys::Key,
};
use celeriac_core::ports::{PortError, Tally};

/// The attributes, in the order of [`Counts`].
const NAMES: [&str; 8] = ["ok", "fa", "ti", "cr", "rv", "ex", "un", "re"];

/// When the last call ended.
const ENDED: &str = "t";

/// The change or the values of counters. A shard may be negative when calls that died in another shard were retried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts([i64; 8]);

impl Counts {
    /// The values of a tally.
    #[allow(clippy::cast_possible_wrap, reason = "a parcel has few calls")]
    pub(super) fn of(tally: &Tally) -> Self {
        let Tally { succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries } = *tally;
        Self([succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries].map(|count| count as i64))
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] + other.0[at]))
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] - other.0[at]))
    }

    pub(super) fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// The calls that ended.
    pub(super) fn ended(self) -> i64 {
        self.0[..7].iter().sum()
    }

    /// The tally, once all shards are added up.
    pub(super) fn tally(self) -> Tally {
        let [succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries] =
            self.0.map(|count| count.max(0) as u64);
        Tally { succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries }
    }

    /// Changes a shard by these counts. `ended_ms` is when calls ended with this change, if any did.
    pub(super) fn change(self, shard: Key, ended_ms: Option<u64>) -> Change {
        let moved = NAMES.iter().zip(self.0).filter(|(_, count)| *count != 0);
        let change = moved.fold(Change::of(shard), |change, (name, count)| change.add(name, number(count)));
        match ended_ms {
            Some(ended_ms) => change.set(ENDED, number(ended_ms)),
            None => change,
        }
    }

    /// The counts of a shard, and when its last call ended.
    pub(super) fn read(item: &Item) -> Result<(Self, u64), PortError> {
        let fields = Fields(item);
        let mut counts = [0; 8];
        for (count, name) in counts.iter_mut().zip(NAMES) {
            *count = fields.number_or(name, 0)?;
        }
        Ok((Self(counts), fields.number_or(ENDED, 0)?))
    }
}
