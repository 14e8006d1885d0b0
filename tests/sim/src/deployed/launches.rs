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
    /// Ends that the table refused to count, by host. The next count of the host has them too.
    owed: BTreeMap<HostId, Vec<End>>,
    /// How often the network duplicated a count.
    doubled: u64,
    /// The newest probe of a broken function.
    probe: Option<String>,
}

#[derive(Default)]
struct Launch {
    /// How often its end was reported.
    ends: u64,
    /// The minute that it counts under.
    minute: u64,
}

/// The end of a run, which its host counts down.
#[derive(Clone)]
pub(super) struct End {
    request: String,
    /// The minute that its invocation counts under.
    minute: u64,
}

impl Launches {
    /// Lambda has accepted an invocation. Returns the excess over the cap, if any.
    pub(super) fn accepted(&self, request: &str, minute: Option<u64>, now_minute: u64, cap: usize) -> Option<u64> {
        let (mut state, minute) = (self.state(), minute?);
        state.live.insert(request.to_owned(), minute);
        state.launches.entry(request.to_owned()).or_default().minute = minute;
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

    /// A launcher has found that the lease of the newest probe is over by its own clock. That one may still wait in Lambda,
    /// which is busy with earlier events, until it is too old to begin: no launcher can tell this from a lost event. So the
    /// product promises that a probe is alone for its lease only.
    pub(super) fn outlives_probe(&self) {
        self.state().probe = None;
    }

    /// The newest probe has claimed a parcel. It goes on like any other worker, and others begin beside it.
    pub(super) fn proves(&self) {
        self.state().probe = None;
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

    /// The ends that the next count of a host has: that of its current run, and those that the table refused before.
    pub(super) fn ends_of(&self, host: HostId) -> Vec<End> {
        let state = &mut *self.state();
        let mut ends = state.owed.remove(&host).unwrap_or_default();
        if let Some((request, _)) = state.runs.get(&host)
            && let Some(launch) = state.launches.get(request)
        {
            ends.push(End { request: request.clone(), minute: launch.minute });
        }
        ends
    }

    /// The table refused a count with these ends. The host's process counts them with its next one.
    pub(super) fn owes(&self, host: HostId, ends: Vec<End>) {
        self.state().owed.insert(host, ends);
    }

    /// The run of a host asks to be counted down. Returns an error if that is wrong.
    pub(super) fn says_ended(&self, host: HostId) -> Option<String> {
        let mut state = self.state();
        let (request, has_said) = state.runs.get_mut(&host)?;
        let again = std::mem::replace(has_said, true);
        again.then(|| format!("invocation {request} is counted down more than once by whoever ran it (G6)"))
    }

    /// Writes the item of a shard. `ends` are those of a worker's process that it may count, and `times` counts the
    /// network's duplicates.
    pub(super) fn count(&self, ends: &[End], shard: u8, (moved, over): (&Minutes, &[u64]), times: u32) -> Minutes {
        let state = &mut *self.state();
        let item = state.items.entry(shard).or_default();
        for (minute, count) in moved {
            *item.entry(*minute).or_default() += count;
        }
        item.retain(|minute, _| !over.contains(minute));
        let counted = item.clone();
        if times > 1 {
            state.doubled += moved.values().map(|count| (*count).min(0).unsigned_abs()).sum::<u64>();
        } else {
            // An event that runs twice is counted down twice. If one of these is refused, it comes with the end of
            // the next event of that environment. The process forgets those whose minute has passed.
            for End { request, .. } in ends.iter().filter(|end| moved.get(&end.minute).is_some_and(|count| *count < 0))
            {
                if let Some(launch) = state.launches.get_mut(request) {
                    launch.ends += 1;
                }
            }
        }
        for End { request, .. } in ends {
            // Its work is done, even if its function answers later.
            state.live.remove(request);
        }
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
