//! Which invocations are outstanding in truth, beside what the product counts.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use task_core::{aws::Minutes, sim::HostId};

/// What is known of all launches.
#[derive(Clone, Default)]
pub(super) struct Launches(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The item of the stack's table.
    item: Minutes,
    /// Launches that are counted, by request.
    launches: BTreeMap<String, Launch>,
    /// Those that have not ended.
    live: BTreeMap<String, u64>,
    /// What each host runs now, and whether it has said that that has ended.
    runs: BTreeMap<HostId, (String, bool)>,
    /// How often the network has said a second time that something has ended.
    doubled: i64,
}

#[derive(Default)]
struct Launch {
    /// How often it was said to have ended.
    ends: i64,
}

impl Launches {
    /// Lambda has accepted an invocation. Answers how many are outstanding more than may be, if any.
    pub(super) fn accepted(&self, request: &str, minute: Option<u64>, now_minute: u64, cap: usize) -> Option<i64> {
        let mut state = self.state();
        state.live.insert(request.to_owned(), minute?);
        state.launches.entry(request.to_owned()).or_default();
        // One whose minute is over is known to nobody who counts.
        let outstanding = state.live.values().filter(|minute| **minute >= now_minute).count() as i64;
        // Each time that it is said twice of one that it has ended, another may begin.
        let slack = state.doubled + state.launches.values().map(|launch| (launch.ends - 1).max(0)).sum::<i64>();
        let over = outstanding - cap as i64 - slack;
        (over > 0).then_some(over)
    }

    /// A host begins to run it.
    pub(super) fn begins(&self, host: HostId, request: &str) {
        self.state().runs.insert(host, (request.to_owned(), false));
    }

    /// It has ended, however, or will never run.
    pub(super) fn ended(&self, request: &str) {
        self.state().live.remove(request);
    }

    /// A dispatcher is told that it has ended.
    pub(super) fn reported(&self, request: &str) {
        if let Some(launch) = self.state().launches.get_mut(request) {
            launch.ends += 1;
        }
    }

    /// The item is written, for the `times`th time of one request, by the host that runs a worker if `worker`. The
    /// second answer is what is wrong with that.
    pub(super) fn count(
        &self,
        by: Option<HostId>,
        moved: &Minutes,
        over: &[u64],
        times: u32,
    ) -> (Minutes, Option<String>) {
        let mut state = self.state();
        let state = &mut *state;
        for (minute, count) in moved {
            *state.item.entry(*minute).or_default() += count;
        }
        state.item.retain(|minute, _| !over.contains(minute));
        let fewer = -moved.values().filter(|count| **count < 0).sum::<i64>();
        let mut wrong = None;
        if times > 1 {
            state.doubled += fewer;
        } else if let Some((request, has_said)) = by.and_then(|host| state.runs.get_mut(&host)).filter(|_| fewer > 0) {
            if fewer > 1 || std::mem::replace(has_said, true) {
                wrong = Some(format!("invocation {request} is counted down more than once by whoever ran it"));
            }
            state.launches.entry(request.clone()).or_default().ends += 1;
        }
        (state.item.clone(), wrong)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
