//! Parcels that are not run: unreadable, unknown, revoked, expired, handed on too often, or while the ledger is down.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use celeriac_core::{
    id::ParcelId,
    ports::{
        Checkpoint, Claim, ClaimRequest, Clock as _, Finish, Ledger, Owed, PortError, Reason, Record, Seal,
        layers::LedgerLayer,
    },
    task::{Body, Options, Registry, Stop},
};
use common::{Bench, def};
use futures::{
    FutureExt as _,
    future::{BoxFuture, join},
};

fn noop() -> Body {
    Body::Async(|_, _| Ok(async { Ok(None) }.boxed()))
}

fn bench() -> Bench {
    Bench::new([def("noop", Options::new(), noop())])
}

#[tokio::test]
async fn an_unreadable_message_is_buried_with_the_reason() {
    let bench = bench();
    bench.send_bytes(Bytes::from_static(b"hello, is this mail?"), 0).await;
    bench.run(&bench.worker()).await;
    let depths = bench.ports.queue.depths().await.unwrap();
    assert_eq!((depths[0].buried, depths[0].ready), (1, 0));
}

/// The next version of the wire format may change anything behind the header.
#[tokio::test]
async fn a_parcel_of_a_newer_version_waits_for_a_deploy_and_is_never_buried() {
    let bench = bench();
    bench.send("noop", 2).await;
    let older = bench.receive().await.remove(0);
    bench.ports.queue.settle(vec![older.deleted()]).await;
    let mut newer = older.body.to_vec();
    newer[0] = 2;
    bench.send_bytes(newer.into(), 0).await;
    let worker = bench.worker();
    let mut waits = Vec::new();
    for _ in 0..20 {
        let began_ms = bench.ports.clock.now_ms();
        bench.run(&worker).await;
        let depth = bench.ports.queue.depths().await.unwrap().remove(0);
        assert_eq!((depth.ready, depth.in_flight, depth.buried), (0, 1, 0));
        while bench.ports.queue.depths().await.unwrap().remove(0).ready == 0 {
            bench.clock.advance(Duration::from_secs(1));
        }
        waits.push((bench.ports.clock.now_ms() - began_ms) / 1000);
    }
    assert_eq!(waits[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300], "for longer each time");
    assert_eq!(waits[10..], [300; 10]);
    // A program that reads the version finds a parcel that no one has claimed: no attempt counts.
    let waited = bench.receive().await.remove(0);
    let mut readable = waited.body.to_vec();
    readable[0] = 1;
    bench.ports.queue.settle(vec![waited.deleted()]).await;
    bench.send_bytes(readable.into(), 0).await;
    bench.run_all(&worker).await;
    assert_eq!((bench.tally().await.succeeded, bench.dead().await.len()), (2, 0));
}

#[tokio::test]
async fn a_parcel_of_an_unknown_task_is_put_back_for_an_hour_and_then_dead() {
    let bench = bench();
    bench.send("mail.send", 2).await;
    let worker = bench.worker();
    let moments = bench.run_every(Duration::from_secs(1), &worker).await;
    let last = *moments.last().unwrap();
    assert!(last >= Duration::from_hours(1) && last < Duration::from_secs(3601), "{moments:?}");
    let waits: Vec<_> = moments.windows(2).map(|pair| pair[1].abs_diff(pair[0]).as_secs()).collect();
    assert_eq!(waits[..5], [1, 2, 4, 8, 16], "for longer each time");
    assert!(moments.len() < 30, "{} receives", moments.len());
    let dead = bench.dead().await;
    assert_eq!((dead.len(), dead[0].reason, dead[0].attempts), (2, Reason::Failed, 0));
    assert_eq!(
        dead[0].message,
        "no task `mail.send` in this program, and for 1h it did not get one: if it lives in another crate, write \
         `use my_tasks as _;` in the one with `main`, or the linker drops it; if it is new, deploy it to the workers; \
         then retry this dead letter"
    );
}

#[tokio::test]
async fn a_parcel_of_an_unknown_task_runs_after_a_deploy_within_the_hour() {
    let mut bench = bench();
    bench.send("mail.send", 2).await;
    bench.run(&bench.worker()).await;
    bench.registry = Arc::new(Registry::new([def("mail.send", Options::new(), noop())]).unwrap());
    bench.run_all(&bench.worker()).await;
    assert_eq!((bench.tally().await.succeeded, bench.dead().await.len()), (2, 0));
}

#[tokio::test]
async fn a_revoked_batch_does_not_run() {
    let bench = bench();
    bench.send("noop", 3).await;
    assert!(bench.ports.batches.revoke(bench.batch).await.unwrap());
    bench.run(&bench.worker()).await;
    let dead = bench.dead().await;
    assert_eq!((dead.len(), dead[0].message.as_str()), (3, "its batch was revoked before it ran"));
    assert_eq!((bench.tally().await.revoked, bench.tally().await.succeeded), (3, 0));
}

#[tokio::test]
async fn calls_that_were_not_started_in_time_are_expired() {
    let bench = bench();
    let expires_ms = bench.ports.clock.now_ms() + 1000;
    bench.send_with("noop", 3, |header| header.expires_ms = Some(expires_ms)).await;
    bench.clock.advance(Duration::from_secs(2));
    bench.run(&bench.worker()).await;
    let dead = bench.dead().await;
    assert_eq!((dead.len(), dead[0].reason), (3, Reason::Expired));
    assert_eq!(dead[0].message, format!("not started before it expired, at {}", celeriac_core::ports::utc(expires_ms)));
}

#[tokio::test]
async fn a_call_that_has_started_does_not_expire() {
    let bench = bench();
    let expires_ms = bench.ports.clock.now_ms() + 1000;
    let change = |header: &mut celeriac_core::wire::Header| (header.expires_ms, header.attempt) = (Some(expires_ms), 2);
    bench.send_with("noop", 3, change).await;
    bench.clock.advance(Duration::from_secs(2));
    bench.run(&bench.worker()).await;
    assert_eq!(bench.tally().await.succeeded, 3);
}

#[tokio::test]
async fn hops_are_limited() {
    let bench = bench();
    bench.send_with("noop", 1, |header| header.hops = 5001).await;
    bench.run(&bench.worker()).await;
    assert_eq!(
        bench.dead().await[0].message,
        "handed on 5001 times, at most 5000: does task `noop` snooze without end?"
    );
}

#[tokio::test]
async fn a_parcel_that_is_too_old_becomes_dead_letters_and_can_be_sent_again() {
    let bench = bench();
    let parcel = bench.send("noop", 3).await;
    bench.clock.advance(Duration::from_hours(24 * 14));
    bench.clock.advance(Duration::from_millis(1));
    let worker = bench.worker();
    assert_eq!(bench.run(&worker).await, 1);
    assert!(bench.is_empty().await);
    let dead = bench.dead().await;
    assert_eq!((dead.len(), dead[2].reason, dead[2].attempts), (3, Reason::Expired, 0));
    assert_eq!(
        dead[0].message,
        format!(
            "parcel {parcel} of task `noop` is too old to run: it was to be run before 2023-11-28T22:13:20Z, and \
             what has been done of it is no longer known"
        )
    );
    assert_eq!((bench.tally().await.expired, bench.tally().await.ended()), (3, 3));
    celeriac_core::client::Client::new(bench.ports.clone()).retry_dead(&dead).await.unwrap();
    bench.run_all(&worker).await;
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.ended()), (3, 3));
}

#[tokio::test]
async fn a_back_off_may_be_longer_than_a_parcel_is_kept() {
    let body = Body::Async(|_, cx| {
        let first = cx.attempt() == 1;
        let month = Duration::from_hours(24 * 30);
        let end = if first { Err(Stop::RetryAfter(month, "next month".into())) } else { Ok(None) };
        Ok(async move { end }.boxed())
    });
    let bench = Bench::new([def("invoice", Options::new(), body)]);
    bench.send("invoice", 1).await;
    bench.run_every(Duration::from_hours(1), &bench.worker()).await;
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.ended()), (1, 1));
}

#[tokio::test]
async fn a_worker_that_holds_the_parcel_is_left_alone() {
    let bench = bench();
    bench.send("noop", 1).await;
    let deliveries = bench.receive().await;
    let worker = bench.worker();
    worker.run(celeriac_core::ports::Invocation::of(deliveries.clone()), None).await;
    // The message is delivered twice: the second delivery finds the parcel finished.
    worker.run(celeriac_core::ports::Invocation::of(deliveries), None).await;
    assert_eq!(bench.tally().await.succeeded, 1);
}

/// A ledger that cannot be reached while it is down.
struct Flaky {
    inner: Arc<dyn Ledger>,
    down: Arc<AtomicBool>,
}

impl Flaky {
    fn up(&self) -> Result<(), PortError> {
        let what = "the ledger cannot be reached".to_owned();
        if self.down.load(Ordering::SeqCst) { Err(PortError::Unavailable { what, source: None }) } else { Ok(()) }
    }
}

impl LedgerLayer for Flaky {
    fn inner(&self) -> &dyn Ledger {
        &*self.inner
    }

    fn claim(&self, requests: Vec<ClaimRequest>) -> BoxFuture<'_, Vec<Result<Claim, PortError>>> {
        match self.up() {
            Ok(()) => self.inner.claim(requests),
            Err(error) => std::future::ready(vec![Err(error); requests.len()]).boxed(),
        }
    }

    fn checkpoint(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        match self.up() {
            Ok(()) => self.inner.checkpoint(checkpoints),
            Err(error) => std::future::ready(vec![Err(error); checkpoints.len()]).boxed(),
        }
    }

    fn seal(&self, parcel: ParcelId, epoch: u64, record: Record, seal: Seal) -> BoxFuture<'_, Result<(), PortError>> {
        match self.up() {
            Ok(()) => self.inner.seal(parcel, epoch, record, seal),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }

    fn finish(&self, finish: Finish) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        match self.up() {
            Ok(()) => self.inner.finish(finish),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }
}

fn flaky(bench: &mut Bench) -> Arc<AtomicBool> {
    let down = Arc::new(AtomicBool::new(false));
    bench.ports.ledger = Arc::new(Flaky { inner: Arc::clone(&bench.ports.ledger), down: Arc::clone(&down) });
    bench.ports.atomic = None;
    down
}

#[tokio::test]
async fn no_call_runs_while_the_ledger_is_down() {
    let mut bench = bench();
    let down = flaky(&mut bench);
    bench.send("noop", 5).await;
    down.store(true, Ordering::SeqCst);
    let worker = bench.worker();
    for wait in [1, 2, 4, 8] {
        assert_eq!(bench.run(&worker).await, 1);
        bench.clock.advance(Duration::from_millis(wait * 1000 - 1));
        assert_eq!(bench.run(&worker).await, 0, "parked for {wait} s");
        bench.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(bench.tally().await.ended(), 0);
    down.store(false, Ordering::SeqCst);
    bench.run(&worker).await;
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.retries), (5, 0));
    assert!(bench.is_empty().await);
}

#[tokio::test]
async fn a_settlement_waits_for_the_ledger() {
    let mut bench = Bench::new([def(
        "noop",
        Options::new(),
        Body::Async(|_, cx| {
            cx.state::<Arc<AtomicBool>>().store(true, Ordering::SeqCst);
            Ok(async { Ok(None) }.boxed())
        }),
    )]);
    let down = flaky(&mut bench);
    let bench = bench.with(Arc::clone(&down));
    bench.send("noop", 1).await;
    let worker = bench.worker();
    let up_again = async {
        bench.clock.sleep(Duration::from_secs(10)).await;
        assert!(down.swap(false, Ordering::SeqCst), "it went down when the call ran");
        assert_eq!(bench.tally().await.ended(), 0);
    };
    bench.while_time_passes(join(bench.run(&worker), up_again)).await;
    assert_eq!(bench.tally().await.succeeded, 1);
    assert!(bench.is_empty().await);
}
