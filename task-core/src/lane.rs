//! The two lanes of a queue. A single call, which a person may wait for, does not wait behind a campaign.

use serde::{Deserialize, Deserializer, Serialize};

/// A lane of a queue. Each has its own messages, its own places in a worker process, and its own threads there, so that
/// neither waits for the other. Celery has no lanes: its users route tasks to queues with workers of their own, or set
/// a `priority` where the broker has any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Single calls: `delay`, `apply`, runs of schedules.
    Interactive,
    /// The calls of a `fan_out`.
    Bulk,
}

impl Lane {
    /// Both, the interactive one first.
    pub const ALL: &'static [Self] = &[Self::Interactive, Self::Bulk];

    /// The lane of calls that name none. The calls of a `fan_out` are counted by their batch, others are not.
    pub const fn usual(counted: bool) -> Self {
        if counted { Self::Bulk } else { Self::Interactive }
    }

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Bulk => "bulk",
        }
    }

    /// The lane with this name on the wire, if this program knows it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|lane| lane.name() == name)
    }
}

/// Reads the lane of a header. One that this program does not know counts as none: the calls run all the same.
pub(crate) fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Lane>, D::Error> {
    String::deserialize(deserializer).map(|name| Lane::named(&name))
}

/// One value for each lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerLane<T> {
    interactive: T,
    bulk: T,
}

impl<T> PerLane<T> {
    /// Makes the value of each lane.
    pub fn new(mut make: impl FnMut(Lane) -> T) -> Self {
        Self { interactive: make(Lane::Interactive), bulk: make(Lane::Bulk) }
    }

    /// The value of a lane.
    pub fn of(&self, lane: Lane) -> &T {
        match lane {
            Lane::Interactive => &self.interactive,
            Lane::Bulk => &self.bulk,
        }
    }

    /// The value of a lane, to change it.
    pub fn of_mut(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Interactive => &mut self.interactive,
            Lane::Bulk => &mut self.bulk,
        }
    }

    /// Both values.
    pub fn both(&self) -> [&T; 2] {
        [&self.interactive, &self.bulk]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire_are_those_of_serde() {
        for lane in Lane::ALL {
            assert_eq!(serde_json::to_string(lane).unwrap(), format!("\"{}\"", lane.name()));
            assert_eq!(Lane::named(lane.name()), Some(*lane));
        }
        assert_eq!(Lane::named("urgent"), None);
    }
}
