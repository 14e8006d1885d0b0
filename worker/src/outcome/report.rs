//! The result of an invocation, parcel by parcel, for its metrics.

use std::ops::AddAssign;

use super::Summary;

/// The result of an invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The sums over all its parcels.
    pub summary: Summary,
    /// The parcels that it claimed and settled. What it could not settle is delivered again, and reported then.
    pub settled: Vec<Settled>,
}

/// A parcel that was claimed and settled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// Its task.
    pub task: String,
    /// What became of its calls in this claim.
    pub summary: Summary,
    /// From its due time to its claim, in milliseconds.
    pub waited_ms: u64,
    /// From its claim until it was settled, in milliseconds.
    pub took_ms: u64,
}

impl From<Summary> for Report {
    fn from(summary: Summary) -> Self {
        Self { summary, settled: Vec::new() }
    }
}

impl AddAssign for Report {
    fn add_assign(&mut self, mut other: Self) {
        self.summary += other.summary;
        self.settled.append(&mut other.settled);
    }
}
