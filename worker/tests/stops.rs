//! How a worker ends at a stop or a deadline: running calls may end, and the rest is handed on. Also what it does
//! before: it renews its lease, and waits for short back-offs.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use celeriac_core::{
    Lane, PerLane,
    id::{BatchId, ParcelId},
    ports::{Clock as _, Invocation, Invoker as _, Outgoing, Reason},
    task::{Body, Options},
    wire::Header,
};
use celeriac_worker::{Pool, WorkerOptions, narrow};
use common::{Bench, ManualClock, QUEUE, def, options};
use futures::{FutureExt as _, future::join};
use tokio_util::sync::CancellationToken;

/// Takes five seconds.
fn five() -> Body {
    Body::Async(|_, cx| {
        let (clock, started) = (cx.state::<Arc<ManualClock>>(), cx.state::<Arc<AtomicU32>>());
        let body = async move {
            started.fetch_add(1, Ordering::SeqCst);
            clock.sleep(Duration::from_secs(5)).await;
            Ok(None)
        };
        Ok(body.boxed())
    })
}

fn bench(task: Options) -> (Bench, Arc<AtomicU32>) {
    let started = Arc::new(AtomicU32::new(0));
    let bench = Bench::new([def("five", task, five())]).with_clock().with(Arc::clone(&started));
    (bench, started)
}

async fn stop_when(started: &AtomicU32, calls: u32) {
    while started.load(Ordering::SeqCst) < calls {
        tokio::task::yield_now().await;
    }
}

/// Runs what is due on a worker that is stopped without grace once a call has started. No time passes: the stop waits for
/// nothing.
async fn run_without_grace(bench: &Bench, started: &AtomicU32) {
    let worker = bench.worker();
    let stop = async {
        stop_when(started, 1).await;
        worker.stop(Duration::ZERO).await;
    };
    join(bench.run(&worker), stop).await;
}

#[tokio::test]
async fn a_stop_lets_calls_end_and_hands_the_rest_on() {
    let (bench, started) = bench(Options::new().concurrency(10));
    bench.send("five", 30).await;
    let worker = bench.worker();
    let stop = async {
        stop_when(&started, 10).await;
        bench.while_time_passes(worker.stop(Duration::from_mins(1))).await;
    };
    join(bench.run(&worker), stop).await;
    assert_eq!(started.load(Ordering::SeqCst), 10, "none is started after the stop");
    let child = bench.receive().await.remove(0);
    let header = Header::peek(&child.body).unwrap();
    assert_eq!((header.count, header.attempt, header.first, header.hops), (20, 1, 10, 1));
    assert_eq!(bench.tally().await.succeeded, 10);
    // A worker that is stopping accepts no parcels.
    worker.run(Invocation::of(vec![child]), None).await;
    assert_eq!(started.load(Ordering::SeqCst), 10);
    bench.clock.advance(Duration::from_mins(10));
    let next = bench.worker();
    while !bench.is_empty().await {
        bench.run_in_time(&next).await;
    }
    assert_eq!((bench.tally().await.succeeded, started.load(Ordering::SeqCst)), (30, 30));
}

#[tokio::test]
async fn a_call_beyond_the_grace_is_run_again_as_the_same_attempt() {
    let (bench, started) = bench(Options::new());
    bench.send("five", 1).await;
    run_without_grace(&bench, &started).await;
    let history = bench.history(0).await.remove(0);
    assert_eq!((history.kind.as_str(), history.attempt), ("stop", 1));
    assert_eq!(history.message, "its worker was stopped, and it did not end within the grace given");
    bench.run_in_time(&bench.worker()).await;
    assert_eq!((bench.tally().await.succeeded, started.load(Ordering::SeqCst)), (1, 2));
}

#[tokio::test]
async fn an_at_most_once_call_beyond_the_grace_is_not_run_again() {
    let (bench, started) = bench(Options::new().at_most_once());
    bench.send("five", 1).await;
    run_without_grace(&bench, &started).await;
    assert_eq!(bench.dead().await[0].reason, Reason::Unknown);
    assert!(bench.is_empty().await);
}

#[tokio::test]
async fn before_its_deadline_a_worker_starts_nothing_that_may_not_end() {
    let (bench, started) = bench(Options::new().concurrency(1).timeout("30s"));
    bench.send("five", 20).await;
    let worker = bench.worker_with(WorkerOptions { margin: Duration::from_secs(2), ..options() });
    let deadline_ms = bench.ports.clock.now_ms() + 62_000;
    let deliveries = bench.receive().await;
    bench.while_time_passes(worker.run(Invocation::of(deliveries), Some(deadline_ms))).await;
    assert!(bench.ports.clock.now_ms() <= deadline_ms);
    // Twelve calls fit into the minute. The last call that is started still has twice its time.
    let ran = started.load(Ordering::SeqCst);
    assert!((9..=11).contains(&ran), "{ran} calls");
    let header = Header::peek(&bench.receive().await[0].body).unwrap();
    assert_eq!((header.count, header.attempt, header.due_ms), (20 - ran, 1, 0));
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.retries), (u64::from(ran), 0));
}

#[tokio::test]
async fn a_call_that_meets_the_deadline_is_cut_in_time() {
    let (bench, _) = bench(Options::new().timeout("30s").retries(0));
    bench.send("five", 1).await;
    let worker = bench.worker_with(WorkerOptions { margin: Duration::from_secs(2), ..options() });
    let deadline_ms = bench.ports.clock.now_ms() + 5000;
    let deliveries = bench.receive().await;
    bench.while_time_passes(worker.run(Invocation::of(deliveries), Some(deadline_ms))).await;
    let message = bench.dead().await.remove(0).message;
    let cut = "s, all that was left of its timeout of 30s before the invocation's deadline: pending at an `.await`";
    assert!(message.starts_with("task `five` did not end within ") && message.contains(cut), "{message}");
    assert!(bench.ports.clock.now_ms() <= deadline_ms);
}

#[tokio::test]
async fn a_lease_is_renewed_and_the_message_hidden_as_long_as_a_call_runs() {
    let body = Body::Async(|_, cx| {
        let clock = cx.state::<Arc<ManualClock>>();
        let body = async move {
            clock.sleep(Duration::from_secs(65)).await;
            Ok(None)
        };
        Ok(body.boxed())
    });
    let bench = Bench::new([def("long", Options::new().timeout("10m"), body)]).with_clock();
    let parcel = bench.send("long", 1).await;
    let (worker, other) = (bench.worker(), bench.worker());
    let deliveries = bench.receive().await;
    let run = worker.run(Invocation::of(deliveries.clone()), None);
    let looks = async {
        for _ in 0..6 {
            bench.clock.sleep(Duration::from_secs(10)).await;
            assert!(bench.receive().await.is_empty(), "hidden as long as it is held");
            let row = bench.row(parcel).await.unwrap();
            assert!(row.lease_until_ms > bench.ports.clock.now_ms(), "{row:?}");
        }
        // The message is delivered twice all the same: the second delivery leaves it alone.
        other.run(Invocation::of(deliveries), None).await;
    };
    let step = Duration::from_millis(20);
    bench.while_time_passes_by(step, join(run, looks)).await;
    assert_eq!((bench.tally().await.succeeded, bench.row(parcel).await.unwrap().epoch), (1, 1));
}

#[tokio::test]
async fn a_short_back_off_is_waited_for_while_others_run() {
    let body = Body::Async(|_, cx| {
        let clock = cx.state::<Arc<ManualClock>>();
        let (fails, index) = (cx.attempt() == 1 && cx.id().index == 0, cx.id().index);
        let body = async move {
            if index == 1 {
                clock.sleep(Duration::from_secs(5)).await;
            }
            if fails { Err("busy".into()) } else { Ok(None) }
        };
        Ok(body.boxed())
    });
    let task = Options::new().backoff("500ms..1s");
    let bench = Bench::new([def("pair", task, body)]).with_clock();
    bench.send("pair", 2).await;
    // One run, no child.
    assert_eq!(bench.run_in_time(&bench.worker()).await, 1);
    assert!(bench.is_empty().await);
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.retries), (2, 1));
    assert_eq!(bench.history(0).await[0].message, "busy");
}

#[tokio::test]
async fn a_pool_has_room_for_its_slots() {
    let (bench, started) = bench(Options::new());
    bench.send("five", 1).await;
    let pool = Pool::new(bench.worker(), PerLane::new(|_| 1));
    assert_eq!(pool.room(Lane::Bulk).await, 1);
    let deliveries = bench.receive().await;
    pool.invoke(Invocation::of(deliveries.clone())).await.unwrap();
    assert_eq!(pool.outstanding(), 1);
    let refused = pool.invoke(Invocation::of(deliveries)).await.unwrap_err();
    assert_eq!(refused.to_string(), "no worker is free");
    stop_when(&started, 1).await;
    assert_eq!(bench.while_time_passes(pool.room(Lane::Bulk)).await, 1);
    assert_eq!((pool.outstanding(), bench.tally().await.succeeded), (0, 1));
}

/// Each lane has slots of its own.
#[tokio::test]
async fn a_lone_call_finds_a_slot_while_bulk_parcels_have_all_of_theirs() {
    let (bench, started) = bench(Options::new());
    bench.send("five", 1).await;
    let pool = Pool::new(bench.worker(), PerLane::new(|_| 1));
    pool.invoke(Invocation::of(bench.receive().await)).await.unwrap();
    assert_eq!(pool.room(Lane::Interactive).await, 1);
    let batch = BatchId::new(7, 0);
    let lone = |header: &mut Header| {
        (header.batch, header.id, header.counted) = (batch, ParcelId::root(batch, 0), false);
    };
    bench.send_with("five", 1, lone).await;
    let deliveries = bench.receive().await;
    let refused = pool.invoke(Invocation::of(deliveries.clone())).await.unwrap_err();
    assert_eq!(refused.to_string(), "no worker is free");
    pool.invoke(Invocation { lane: Lane::Interactive, deliveries }).await.unwrap();
    assert_eq!(pool.outstanding(), 2);
    // Both run at the same time.
    stop_when(&started, 2).await;
    bench.while_time_passes(join(pool.room(Lane::Interactive), pool.room(Lane::Bulk))).await;
    assert_eq!(pool.outstanding(), 0);
}

#[tokio::test]
async fn the_narrow_road_runs_what_comes_until_it_is_stopped() {
    let (bench, started) = bench(Options::new());
    bench.send("five", 3).await;
    let stop = CancellationToken::new();
    let road = narrow(bench.worker(), vec![QUEUE.into()], PerLane::new(|_| 2), stop.clone());
    let stopped = async {
        stop_when(&started, 3).await;
        stop.cancel();
    };
    let (ended, ()) = bench.while_time_passes(join(road, stopped)).await;
    ended.unwrap();
    assert_eq!(bench.tally().await.succeeded, 3);
}

#[tokio::test]
async fn a_long_backlog_on_the_narrow_road_keeps_no_other_queue_waiting() {
    let note = Body::Async(|_, cx| {
        let (id, order) = (cx.id().batch, cx.state::<Mutex<Vec<BatchId>>>());
        order.lock().unwrap().push(id);
        Ok(async { Ok(None) }.boxed())
    });
    let bench = Bench::new([def("note", Options::new(), note)]).with(Mutex::<Vec<BatchId>>::default());
    for n in 0..10 {
        let batch = BatchId::new(n, 0);
        bench.send_with("note", 1, |header| (header.batch, header.id) = (batch, ParcelId::root(batch, 0))).await;
    }
    // The last parcel goes to another queue, which is named last.
    let last = bench.receive().await.pop().unwrap();
    bench.ports.queue.send(vec![Outgoing::of("other", last.body, 0)]).await.pop().unwrap().unwrap();
    bench.clock.advance(Duration::from_secs(30));
    let stop = CancellationToken::new();
    let road = narrow(bench.worker(), vec![QUEUE.into(), "other".into()], PerLane::new(|_| 1), stop.clone());
    let order = bench.states.get::<Mutex<Vec<BatchId>>>().unwrap();
    let ended = async {
        while order.lock().unwrap().len() < 10 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (stopped, ()) = join(road, ended).await;
    stopped.unwrap();
    let at = order.lock().unwrap().iter().position(|batch| *batch == BatchId::new(9, 0));
    assert_eq!(at, Some(1), "it is the second queue's turn: {order:?}");
}
