//! The items of the stack's table that say whether workers begin at all, and how often parcels were sent again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use celeriac_aws::{Attempt, Health};
use celeriac_core::id::ParcelId;

/// The items.
#[derive(Clone, Default)]
pub(super) struct Healths(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    functions: BTreeMap<String, Health>,
    resent: BTreeMap<ParcelId, u32>,
}

impl Healths {
    pub(super) fn read(&self, function: &str) -> Health {
        self.state().functions.get(function).copied().unwrap_or_default()
    }

    pub(super) fn failed(&self, function: &str, now_ms: u64, attempt: Attempt) -> Health {
        let health = self.read(function).after_failure(now_ms, attempt);
        self.state().functions.insert(function.to_owned(), health);
        health
    }

    /// Whether nobody else has taken it since it was read.
    pub(super) fn take_probe(&self, function: &str, seen_ms: u64, until_ms: u64) -> bool {
        let mut state = self.state();
        let health = state.functions.entry(function.to_owned()).or_default();
        let as_seen = health.probe_ms == seen_ms;
        if as_seen {
            health.probe_ms = until_ms;
        }
        as_seen
    }

    pub(super) fn mended(&self, function: &str) {
        self.state().functions.remove(function);
    }

    pub(super) fn resent(&self, parcel: ParcelId) -> u32 {
        let mut state = self.state();
        let times = state.resent.entry(parcel).or_default();
        *times += 1;
        *times
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
