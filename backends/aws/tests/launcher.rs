//! The launcher gives back what it has reserved once, whatever the table answers.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use celeriac_aws::{Attempt, Backend, Health, Minutes, Options, Platform, Settings};
use celeriac_core::{
    id::ParcelId,
    ports::{Clock, InvokeError, PortError},
    task::{Body, Options as TaskOptions, Registry, TaskDef},
};
use futures::future::{BoxFuture, FutureExt as _, ready};

const START_MS: u64 = 1_700_000_040_000;

/// A clock that a test moves.
#[derive(Default)]
struct ManualClock(AtomicU64);

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        START_MS + self.0.load(Ordering::SeqCst)
    }

    fn monotonic_us(&self) -> u64 {
        self.0.load(Ordering::SeqCst) * 1000
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        unimplemented!("`reserve` does not wait")
    }
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Refused,
    /// It is written, but the answer is lost.
    Unanswered,
    /// It never arrives.
    Unsent,
}

/// The count of a table.
#[derive(Default)]
struct Table {
    counts: Mutex<Minutes>,
    /// The fate of the next write, if it fails.
    next: Mutex<Option<Fate>>,
}

impl Platform for Table {
    fn invoke<'a>(&'a self, _: &'a str, _: Vec<u8>) -> BoxFuture<'a, Result<(), InvokeError>> {
        unimplemented!("nothing is launched")
    }

    fn count<'a>(&'a self, _: u8, moved: &'a Minutes, _: &'a [u64]) -> BoxFuture<'a, Result<Minutes, PortError>> {
        let (fate, mut counts) = (self.next.lock().unwrap().take(), self.counts.lock().unwrap());
        if matches!(fate, None | Some(Fate::Unanswered)) {
            for (minute, count) in moved {
                *counts.entry(*minute).or_default() += count;
            }
        }
        let what = "the table is throttled".to_owned();
        ready(match fate {
            None => Ok(counts.clone()),
            Some(Fate::Refused) => Err(PortError::Unavailable { what, source: None }),
            Some(Fate::Unanswered | Fate::Unsent) => Err(PortError::Unknown { what, source: None }),
        })
        .boxed()
    }

    fn look(&self, _: u8) -> BoxFuture<'_, Result<BTreeMap<u8, Minutes>, PortError>> {
        ready(Ok(BTreeMap::from([(0, self.counts.lock().unwrap().clone())]))).boxed()
    }

    fn health<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Health, PortError>> {
        unimplemented!("nothing is launched")
    }

    fn failed<'a>(&'a self, _: &'a str, _: u64, _: Attempt) -> BoxFuture<'a, Result<Health, PortError>> {
        unimplemented!("nothing is reported")
    }

    fn take_probe<'a>(&'a self, _: &'a str, _: u64, _: u64) -> BoxFuture<'a, Result<bool, PortError>> {
        unimplemented!("nothing is launched")
    }

    fn mended<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        unimplemented!("nothing is claimed")
    }

    fn resent(&self, _: ParcelId, _: u64) -> BoxFuture<'_, Result<u32, PortError>> {
        unimplemented!("nothing is sent again")
    }
}

fn registry() -> Registry {
    let body = Body::Async(|_, _| Ok(async { Ok(None) }.boxed()));
    Registry::new([&*Box::leak(Box::new(TaskDef::untyped("mail.send", TaskOptions::new(), body)))]).unwrap()
}

/// Counted down twice, they would let other launchers exceed the cap by as many.
#[tokio::test]
async fn a_reservation_whose_exchange_fails_is_given_back_once() {
    for (fate, left) in [(Fate::Refused, 0), (Fate::Unanswered, 0), (Fate::Unsent, 10)] {
        let (clock, table) = (Arc::<ManualClock>::default(), Arc::<Table>::default());
        let options = Options::default().clock(Arc::clone(&clock) as Arc<dyn Clock>);
        let options = options.platform(Arc::clone(&table) as Arc<dyn Platform>);
        let settings = Settings { cap: 60, ..Settings::new("shop".parse().unwrap()) };
        let functions = Backend::new(settings, options).unwrap().functions(&registry());
        assert_eq!(functions.reserve(10).await.unwrap(), 10);
        let minute = *table.counts.lock().unwrap().keys().next().unwrap();

        // Its minute is not over yet: others count under it.
        clock.0.fetch_add(60_000, Ordering::SeqCst);
        *table.next.lock().unwrap() = Some(fate);
        functions.reserve(10).await.unwrap_err();
        assert_eq!(functions.reserve(10).await.unwrap(), 10, "{fate:?}");
        assert_eq!(table.counts.lock().unwrap()[&minute], left, "{fate:?}");
    }
}
