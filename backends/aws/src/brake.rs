//! Launches only a probe now and then for a function whose workers fail before they claim anything. Without it, a
//! faulty set-up or a concurrency of 0 would be launched for as often as Lambda can report it.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use super::{
    Settings,
    health::{Attempt, Health},
    platform::Platform,
};
use celeriac_core::ports::{Clock, PortError};

/// How long a function's health is believed without reading it again. Each launcher reads half a unit that often.
const BELIEVED: Duration = Duration::from_secs(5);

/// The brake of all launchers. Cheap to clone.
#[derive(Clone)]
pub struct Brake {
    shared: Arc<Shared>,
}

struct Shared {
    platform: Arc<dyn Platform>,
    clock: Arc<dyn Clock>,
    /// How long a probe may be in flight.
    lease_ms: u64,
    known: tokio::sync::Mutex<BTreeMap<String, Known>>,
}

/// What was read of a function, and when, on the monotonic clock.
#[derive(Clone, Copy)]
struct Known {
    health: Health,
    at_us: u64,
}

/// Whether a worker may be launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    /// It may, like others.
    Free,
    /// It may, alone, until this time.
    Probe {
        /// In milliseconds since 1970.
        until_ms: u64,
    },
    /// It may not: the function is broken.
    Braked,
}

impl Brake {
    pub(super) fn new(settings: &Settings, platform: Arc<dyn Platform>, clock: Arc<dyn Clock>) -> Self {
        let lease_ms = settings.lease.as_millis() as u64;
        Self { shared: Arc::new(Shared { platform, clock, lease_ms, known: tokio::sync::Mutex::default() }) }
    }

    /// Records that a worker of this function failed before it had claimed a parcel.
    ///
    /// # Errors
    /// If it cannot be recorded.
    pub async fn failed(&self, function: &str, attempt: Attempt) -> Result<(), PortError> {
        let mut known = self.shared.known.lock().await;
        let health = self.shared.platform.failed(function, self.shared.clock.now_ms(), attempt).await?;
        self.shared.believe(&mut known, function, health);
        Ok(())
    }

    /// Records that the probe of this function has claimed a parcel, so that others may be launched again.
    pub async fn mended(&self, function: &str) {
        if let Err(error) = self.shared.platform.mended(function).await {
            tracing::warn!(%error, function, "it is not recorded that workers begin again; the next probe does");
        }
    }

    /// Whether a worker of this function may be launched.
    pub(super) async fn permit(&self, function: &str) -> Permit {
        let shared = &*self.shared;
        let mut known = shared.known.lock().await;
        let health = shared.health(&mut known, function).await;
        let now_ms = shared.clock.now_ms();
        if !health.is_broken(now_ms) {
            return Permit::Free;
        }
        if now_ms < health.next_ms() {
            return Permit::Braked;
        }
        let until_ms = now_ms + shared.lease_ms;
        match shared.platform.take_probe(function, health.probe_ms, until_ms).await {
            Ok(true) => {
                shared.believe(&mut known, function, Health { probe_ms: until_ms, ..health });
                Permit::Probe { until_ms }
            }
            Ok(false) => {
                known.remove(function);
                Permit::Braked
            }
            Err(error) => {
                tracing::warn!(%error, function, "no probe is launched");
                Permit::Braked
            }
        }
    }

    /// The probe was not launched: another one may be.
    pub(super) async fn give_back(&self, function: &str, until_ms: u64) {
        let mut known = self.shared.known.lock().await;
        known.remove(function);
        if let Err(error) = self.shared.platform.take_probe(function, until_ms, 0).await {
            tracing::debug!(%error, function, "no other probe is launched before this one would have ended");
        }
    }
}

impl Shared {
    /// The health of a function. If it cannot be read, the last one that was.
    async fn health(&self, known: &mut BTreeMap<String, Known>, function: &str) -> Health {
        let before = known.get(function).copied();
        let is_young =
            |known: &Known| self.clock.monotonic_us().saturating_sub(known.at_us) < BELIEVED.as_micros() as u64;
        if let Some(known) = before.filter(is_young) {
            return known.health;
        }
        let health = match self.platform.health(function).await {
            Ok(health) => health,
            Err(error) => {
                tracing::debug!(%error, function, "it is not known whether workers begin");
                before.map(|known| known.health).unwrap_or_default()
            }
        };
        self.believe(known, function, health);
        health
    }

    fn believe(&self, known: &mut BTreeMap<String, Known>, function: &str, health: Health) {
        known.insert(function.to_owned(), Known { health, at_us: self.clock.monotonic_us() });
    }
}

impl fmt::Debug for Brake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brake").finish_non_exhaustive()
    }
}
