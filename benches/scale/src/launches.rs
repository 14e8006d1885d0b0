//! Estimates how many invocations can be launched and ended in a second before their count binds: many launchers, and
//! workers that take no time, under the limits of the table.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use celeriac_aws::{Attempt, Backend, Health, Minutes, Options, Outstanding, Payload, Platform, Settings};
use celeriac_core::{
    id::ParcelId,
    ports::{Invocation, InvokeError, Invoker as _, PortError, Ports},
};
use celeriac_sim::{Dice, Host, Sim, Steps, Weather};
use futures::future::{BoxFuture, FutureExt as _, join_all};

use crate::{
    aws::{Aws, Way},
    event::STACK,
    limits, mail,
    platform::{Item, Link},
    run::profile,
};

/// How many parcels a mapping hands to a dispatcher.
const EVENT: usize = 10;

/// How long a worker takes.
const WORK: Duration = Duration::from_millis(100);

/// The pause of a launcher that finds no room.
const PAUSE: Duration = Duration::from_millis(100);

/// The result of a run of launches.
#[derive(Clone, Copy, Debug)]
pub struct Launches {
    /// How many were launched in a second.
    pub per_second: f64,
    /// How often a write of the count was throttled.
    pub throttled: u64,
    /// How many still count as outstanding although all have ended.
    pub left: i64,
}

/// A worker that only ends.
struct Short {
    link: Link,
    host: Host,
    way: Way,
    outstanding: Outstanding,
    launched: Arc<AtomicU64>,
}

/// Runs so many launchers with this cap for a while, and waits for the last workers.
///
/// # Panics
/// Never: nothing is asked of AWS.
pub fn launches(launchers: usize, cap: usize, lasts: Duration) -> Launches {
    let mut sim = Sim::new(1, Weather { latency_us: (0, 0), ..Weather::calm() });
    // As much as a table that was used before takes.
    let (aws, item, launched) = (Aws::new(Dice::new(1), 40_000.0), Item::default(), Arc::<AtomicU64>::default());
    let settings = Settings { lease: limits::LEASE, cap, ..Settings::new(STACK.parse().expect("a stack's name")) };
    for _ in 0..launchers {
        let host = sim.boot("a launcher", 0);
        let Ports { entropy, clock, .. } = host.ports(profile(), Steps::OneByOne);
        let way = Way { aws: aws.clone(), clock: Arc::clone(&clock) };
        let link = || Link { way: way.clone(), item: item.clone(), workers: None };
        let options = |platform: Arc<dyn Platform>| {
            Options::default().clock(Arc::clone(&clock)).entropy(Arc::clone(&entropy)).platform(platform)
        };
        let workers = Backend::new(settings.clone(), options(Arc::new(link()))).expect("nothing is asked of AWS");
        let short = Short {
            link: link(),
            host: host.clone(),
            way: way.clone(),
            outstanding: workers.outstanding(),
            launched: Arc::clone(&launched),
        };
        let backend = Backend::new(settings.clone(), options(Arc::new(short))).expect("nothing is asked of AWS");
        let functions = backend.functions(&mail::registry());
        host.spawn(async move {
            while clock.monotonic_us() < lasts.as_micros() as u64 {
                let rooms = functions.reserve(EVENT).await.unwrap_or(0);
                let launch = |_| functions.invoke(Invocation::of(Vec::new()));
                join_all((0..rooms).map(launch)).await;
                functions.give_back().await;
                if rooms == 0 {
                    clock.sleep(PAUSE).await;
                }
            }
        });
    }
    sim.run_until(lasts);
    let per_second = launched.load(Ordering::Relaxed) as f64 / lasts.as_secs_f64();
    sim.run_until(lasts + Duration::from_secs(20));
    Launches { per_second, throttled: aws.state().throttled, left: item.sum() }
}

impl Platform for Short {
    fn invoke<'a>(&'a self, _: &'a str, payload: Vec<u8>) -> BoxFuture<'a, Result<(), InvokeError>> {
        async move {
            self.way.takes(limits::INVOKE).await;
            self.launched.fetch_add(1, Ordering::Relaxed);
            let (way, outstanding) = (self.way.clone(), self.outstanding.clone());
            if let Ok(Payload { minute: Some(minute), shard, .. }) = Payload::decode(&String::from_utf8_lossy(&payload))
            {
                self.host.spawn(async move {
                    way.takes(WORK).await;
                    outstanding.release(minute, shard).await;
                });
            }
            Ok(())
        }
        .boxed()
    }

    fn count<'a>(
        &'a self,
        shard: u8,
        moved: &'a Minutes,
        over: &'a [u64],
    ) -> BoxFuture<'a, Result<Minutes, PortError>> {
        self.link.count(shard, moved, over)
    }

    fn look(&self, shards: u8) -> BoxFuture<'_, Result<BTreeMap<u8, Minutes>, PortError>> {
        self.link.look(shards)
    }

    fn health<'a>(&'a self, function: &'a str) -> BoxFuture<'a, Result<Health, PortError>> {
        self.link.health(function)
    }

    fn failed<'a>(&'a self, function: &'a str, now_ms: u64, by: Attempt) -> BoxFuture<'a, Result<Health, PortError>> {
        self.link.failed(function, now_ms, by)
    }

    fn take_probe<'a>(
        &'a self,
        function: &'a str,
        seen_ms: u64,
        until_ms: u64,
    ) -> BoxFuture<'a, Result<bool, PortError>> {
        self.link.take_probe(function, seen_ms, until_ms)
    }

    fn mended<'a>(&'a self, function: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.link.mended(function)
    }

    fn resent(&self, parcel: ParcelId, kept_until_ms: u64) -> BoxFuture<'_, Result<u32, PortError>> {
        self.link.resent(parcel, kept_until_ms)
    }
}
