//! Tracks which invocations are really outstanding, beside the product's own count.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use celeriac_aws::Minutes;
use celeriac_sim::HostId;

/// The known launches.
#[derive(Clone, Default)]
pub(super) struct Launches(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The items of the stack's table, by shard.
    items: BTreeMap<u8, Minutes>,
    /// Launches that are counted, by request.
    launches: BTreeMap<String, Launch>,
    /// Launches that have not ended.
    live: BTreeMap<String, u64>,
    /// The current run of each host, and whether its end was reported.
    runs: BTreeMap<HostId, (String, bool)>,
    /// How often the network duplicated a count.
    doubled: u64,
    /// The newest probe of a broken function.
    probe: Option<String>,
}

#[derive(Default)]
struct Launch {
    /// How often its end was reported.
    ends: u64,
}

impl Launches {
    /// Lambda has accepted an invocation. Returns the excess over the cap, if any.
    pub(super) fn accepted(&self, request: &str, minute: Option<u64>, now_minute: u64, cap: usize) -> Option<u64> {
        let mut state = self.state();
        state.live.insert(request.to_owned(), minute?);
        state.launches.entry(request.to_owned()).or_default();
        // A launcher no longer counts those whose minute has passed.
        let outstanding = state.live.values().filter(|minute| **minute >= now_minute).count() as u64;
        // Each duplicate report of an end lets one more begin.
        let slack = state.doubled + state.launches.values().map(|launch| launch.ends.saturating_sub(1)).sum::<u64>();
        outstanding.checked_sub(cap as u64 + slack).filter(|over| *over > 0)
    }

    /// A probe of a broken function is accepted. Returns an error if another one has not ended.
    pub(super) fn probes(&self, request: &str) -> Option<String> {
        let mut state = self.state();
        let before = state.probe.replace(request.to_owned())?;
        let beside = state.live.contains_key(&before);
        beside.then(|| format!("probe {request} was launched although probe {before} goes on (G6)"))
    }

    /// The network duplicates a request that is counted once.
    pub(super) fn doubled(&self) {
        self.state().doubled += 1;
    }

    /// A host begins to run it.
    pub(super) fn begins(&self, host: HostId, request: &str) {
        self.state().runs.insert(host, (request.to_owned(), false));
    }

    /// It has ended in some way, or will never run.
    pub(super) fn ended(&self, request: &str) {
        self.state().live.remove(request);
    }

    /// A dispatcher gets the report of its end.
    pub(super) fn reported(&self, request: &str) {
        if let Some(launch) = self.state().launches.get_mut(request) {
            launch.ends += 1;
        }
    }

    /// The current run of a host.
    pub(super) fn run_of(&self, host: HostId) -> Option<String> {
        self.state().runs.get(&host).map(|(request, _)| request.clone())
    }

    /// The run of a host asks to be counted down. Returns an error if that is wrong.
    pub(super) fn says_ended(&self, host: HostId) -> Option<String> {
        let mut state = self.state();
        let (request, has_said) = state.runs.get_mut(&host)?;
        let again = std::mem::replace(has_said, true);
        again.then(|| format!("invocation {request} is counted down more than once by whoever ran it (G6)"))
    }

    /// Writes the item of a shard. `request` names the ended invocation that caused it, if any, and `times` counts the network's
    /// duplicates.
    pub(super) fn count(
        &self,
        request: Option<&str>,
        shard: u8,
        (moved, over): (&Minutes, &[u64]),
        times: u32,
    ) -> Minutes {
        let state = &mut *self.state();
        let item = state.items.entry(shard).or_default();
        for (minute, count) in moved {
            *item.entry(*minute).or_default() += count;
        }
        item.retain(|minute, _| !over.contains(minute));
        let counted = item.clone();
        if times > 1 {
            state.doubled += moved.values().map(|count| (*count).min(0).unsigned_abs()).sum::<u64>();
        } else if let Some(launch) = request.and_then(|request| state.launches.get_mut(request)) {
            launch.ends += 1;
        }
        // Its work is done, even if its function answers later.
        request.and_then(|request| state.live.remove(request));
        counted
    }

    /// Reads the items of the first so many shards.
    pub(super) fn counted(&self, shards: u8) -> BTreeMap<u8, Minutes> {
        let state = self.state();
        (0..shards).map(|shard| (shard, state.items.get(&shard).cloned().unwrap_or_default())).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
