//! Workers that die: recorded calls are not run again, and the call that kills them is found.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use celeriac_core::{
    ports::{Claim, ClaimRequest, Delivery, Invocation, Reason},
    task::{Body, Options},
    wire::{Header, decode_args},
};
use common::{Bench, def};
use futures::FutureExt as _;
use tokio::sync::Notify;

const OPTIONS: Options = Options::new().retries(0);

/// How often each call was started, and a signal that a call kills its worker.
#[derive(Default)]
struct Site {
    starts: Mutex<Vec<u32>>,
    killed: Notify,
}

/// Calls whose number is 13 or 57 kill their worker.
fn killers() -> Body {
    Body::Async(|args, cx| {
        let n = decode_args::<u32>(args).unwrap();
        let site = cx.state::<Arc<Site>>();
        let body = async move {
            site.starts.lock().unwrap()[n as usize] += 1;
            if n == 13 || n == 57 {
                site.killed.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(None)
        };
        Ok(body.boxed())
    })
}

fn site(bench: Bench, calls: u32) -> (Bench, Arc<Site>) {
    let site = Arc::new(Site { starts: Mutex::new(vec![0; calls as usize]), killed: Notify::new() });
    (bench.with(Arc::clone(&site)), site)
}

/// Runs the due parcels with a new worker until it ends or dies. Returns whether it lived.
async fn live(bench: &Bench, site: &Site) -> bool {
    let worker = bench.worker();
    let deliveries = bench.receive().await;
    assert!(!deliveries.is_empty(), "the message is back when the lease is over");
    tokio::select! {
        _ = worker.run(Invocation::of(deliveries), None) => true,
        () = site.killed.notified() => false,
    }
}

#[tokio::test]
async fn the_calls_that_kill_are_found_and_the_others_run() {
    let (bench, site) = site(Bench::new([def("deadly", OPTIONS, killers())]), 100);
    bench.send("deadly", 100).await;
    let mut deaths = 0;
    while !live(&bench, &site).await {
        deaths += 1;
        assert!(deaths < 50, "it never ends");
        bench.clock.advance(Duration::from_secs(31));
    }
    let dead = bench.dead().await;
    assert_eq!(dead.iter().map(|letter| letter.id.index).collect::<Vec<_>>(), [13, 57]);
    for letter in dead {
        assert_eq!(letter.reason, Reason::Crashed);
        assert_eq!(
            letter.message,
            "its worker died 2 times while it ran alone: out of memory, a stack overflow, an abort or a kill"
        );
    }
    assert_eq!(bench.history(13).await[0].kind, "crash");
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.crashed), (98, 2));
    // G3: each call runs once, and at most once more for each death.
    let starts = site.starts.lock().unwrap();
    assert!(starts.iter().all(|starts| (1..=1 + deaths).contains(starts)), "{deaths} deaths, {starts:?}");
    assert!(deaths <= 2 * 9, "{deaths} deaths");
}

#[tokio::test]
async fn at_most_once_calls_are_unknown_after_their_worker_died() {
    let options = OPTIONS.at_most_once().concurrency(20);
    let (bench, site) = site(Bench::new([def("charge", options, killers())]), 100);
    bench.send("charge", 100).await;
    while !live(&bench, &site).await {
        bench.clock.advance(Duration::from_secs(31));
    }
    assert!(site.starts.lock().unwrap().iter().all(|starts| *starts <= 1), "none twice");
    let dead = bench.dead().await;
    let unknown: Vec<u64> = dead.iter().map(|letter| letter.id.index).collect();
    // Windows of twenty: 0 to 19 with 13; 20 to 39; 40 to 59 with 57.
    let windows: Vec<u64> = (0..20).chain(40..60).collect();
    assert_eq!(unknown, windows);
    assert_eq!(
        dead[0].message,
        "its worker died while it ran, or just before: task `charge` is `at_most_once`, so it is not run again; look \
         whether it has done its work, then retry or drop this dead letter"
    );
    assert_eq!((dead[0].reason, bench.tally().await.succeeded), (Reason::Unknown, 60));
}

#[tokio::test]
async fn recorded_calls_are_not_run_again() {
    let (bench, site) = site(Bench::new([def("deadly", OPTIONS, killers())]), 14);
    let parcel = bench.send("deadly", 14).await;
    let worker = bench.worker();
    let deliveries = bench.receive().await;
    let run = worker.run(Invocation::of(deliveries), None);
    let recorded = async {
        // The last call is pending. Meanwhile the others are recorded.
        site.killed.notified().await;
        while bench.row(parcel).await.is_none_or(|row| row.done.len() < 13) {
            bench.pass(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        _ = run => panic!("a call is pending"),
        () = recorded => {}
    }
    bench.clock.advance(Duration::from_secs(31));
    while !live(&bench, &site).await {
        bench.clock.advance(Duration::from_secs(31));
    }
    let starts = site.starts.lock().unwrap();
    assert_eq!(starts[..13], [1; 13]);
}

/// Another worker claims the parcel while the call that kills runs. Its clock is an hour ahead, so it takes the lease
/// to be over.
async fn another_claims(bench: &Bench, site: &Site, delivery: &Delivery) -> Claim {
    site.killed.notified().await;
    let header = Header::peek(&delivery.body).unwrap();
    let now_ms = bench.ports.clock.now_ms() + 3_600_000;
    let request = ClaimRequest::of(&header, "another", now_ms, now_ms + 600_000);
    bench.ports.ledger.claim(vec![request]).await.remove(0).unwrap()
}

#[tokio::test]
async fn a_worker_that_lost_the_parcel_writes_and_sends_nothing() {
    let (bench, site) = site(Bench::new([def("deadly", OPTIONS.retries(5), killers())]), 14);
    let parcel = bench.send("deadly", 14).await;
    let worker = bench.worker();
    let deliveries = bench.receive().await;
    let mut run = std::pin::pin!(worker.run(Invocation::of(deliveries.clone()), None));
    // Time stands still until another worker holds the parcel. Otherwise the pending call would reach its own end, or
    // the lease would lapse and its holder would hand the parcel on.
    let claimed = tokio::select! {
        _ = &mut run => panic!("a call is pending"),
        claim = another_claims(&bench, &site, &deliveries[0]) => claim,
    };
    let Claim::Claimed(claimed) = claimed else { panic!("{claimed:?}") };
    // Its next recording is fenced, and it ends although a call is pending.
    bench.while_time_passes(run).await;
    let row = bench.row(parcel).await.unwrap();
    assert_eq!((row.epoch, row.holder.as_str(), row.done), (2, "another", claimed.done));
    assert!(bench.dead().await.is_empty());
    let depths = bench.ports.queue.depths().await.unwrap();
    assert_eq!(depths[0].ready + depths[0].delayed + depths[0].in_flight, 1, "its message, and no other: {depths:?}");
    bench.while_time_passes(worker.stop(Duration::ZERO)).await;
}
