//! A batch's counters: how many of its calls ended in each state, spread over shards.

use super::{
    change::Change,
    item::{Fields, Item, number},
    keys::Key,
};
use celeriac_core::ports::{Counts, PortError};

/// The attributes, in the order of [`Counts`].
const NAMES: [&str; 8] = ["ok", "fa", "ti", "cr", "rv", "ex", "un", "re"];

/// When the last call ended.
const ENDED: &str = "t";

/// Changes a shard by these counts. `ended_ms` is when calls ended with this change, if any did.
pub(super) fn change(counts: Counts, shard: Key, ended_ms: Option<u64>) -> Change {
    let moved = NAMES.iter().zip(counts.0).filter(|(_, count)| *count != 0);
    let change = moved.fold(Change::of(shard), |change, (name, count)| change.add(name, number(count)));
    match ended_ms {
        Some(ended_ms) => change.set(ENDED, number(ended_ms)),
        None => change,
    }
}

/// The counts of a shard, and when its last call ended. A shard may be negative when calls that died in another shard
/// were retried.
pub(super) fn read(item: &Item) -> Result<(Counts, u64), PortError> {
    let fields = Fields(item);
    let mut counts = Counts::default();
    for (count, name) in counts.0.iter_mut().zip(NAMES) {
        *count = fields.number_or(name, 0)?;
    }
    Ok((counts, fields.number_or(ENDED, 0)?))
}
