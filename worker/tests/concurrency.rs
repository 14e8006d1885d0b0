//! How many calls run at a time: of plain functions, and of a whole worker.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use celeriac_core::{
    id::{BatchId, ParcelId},
    ports::{Delivery, Invocation},
    task::{Body, Options},
    wire::{Header, decode_args},
};
use celeriac_worker::{Worker, WorkerOptions};
use common::{Bench, def, options};
use futures::{
    FutureExt as _,
    future::{Either, join, select},
};
use tokio::sync::Notify;

/// Counts the calls inside, and lets none leave before `enough` were inside at once.
#[derive(Default)]
struct Room {
    inside: AtomicUsize,
    most: AtomicUsize,
    enough: usize,
    state: Mutex<()>,
    changed: Condvar,
    full: Notify,
}

impl Room {
    fn of(enough: usize) -> Arc<Self> {
        Arc::new(Self { enough, ..Self::default() })
    }

    fn enter(&self) {
        let _state = self.state.lock().unwrap();
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        self.changed.notify_all();
        if self.is_full() {
            self.full.notify_waiters();
        }
    }

    fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    fn is_full(&self) -> bool {
        self.most.load(Ordering::SeqCst) >= self.enough
    }

    /// A blocking visit. It leaves time for further calls to enter by mistake.
    fn visit(&self) {
        self.enter();
        drop(self.changed.wait_while(self.state.lock().unwrap(), |()| !self.is_full()).unwrap());
        for _ in 0..200 {
            std::thread::yield_now();
        }
        self.leave();
    }

    async fn visit_async(&self) {
        let full = self.full.notified();
        self.enter();
        if !self.is_full() {
            full.await;
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.leave();
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

fn blocking() -> Body {
    Body::Blocking(|_, cx| {
        let room = cx.state::<Arc<Room>>();
        Ok(Box::new(move || {
            room.visit();
            Ok(None)
        }))
    })
}

fn waiting() -> Body {
    Body::Async(|_, cx| {
        let room = cx.state::<Arc<Room>>();
        Ok(async move {
            room.visit_async().await;
            Ok(None)
        }
        .boxed())
    })
}

/// Sends parcels, each of a batch of its own.
async fn send(bench: &Bench, task: &str, calls: u32, parcels: u128) {
    for n in 0..parcels {
        let batch = BatchId::new(1_700_000_000_000, 100 + n);
        bench
            .send_with(task, calls, |header| {
                header.batch = batch;
                header.id = ParcelId::root(batch, 0);
            })
            .await;
    }
}

/// Runs all parcels at once, as a worker with many slots does.
async fn run_at_once(bench: &Bench, worker: &Worker) {
    let runs = bench.receive().await.into_iter().map(|delivery| run(worker, delivery));
    futures::future::join_all(runs).await;
    assert!(bench.is_empty().await);
}

async fn run(worker: &Worker, delivery: Delivery) {
    worker.run(Invocation::of(vec![delivery]), None).await;
}

#[tokio::test]
async fn plain_functions_run_on_as_many_threads_as_there_are_processors() {
    let room = Room::of(3);
    let bench = Bench::new([def("resize", Options::new(), blocking())]).with(Arc::clone(&room));
    send(&bench, "resize", 20, 3).await;
    run_at_once(&bench, &bench.worker_with(WorkerOptions { threads: 3, ..options() })).await;
    assert_eq!(room.most(), 3, "over all parcels");
}

#[tokio::test]
async fn a_plain_function_may_set_its_own_concurrency() {
    let room = Room::of(24);
    let task = Options::new().concurrency(8);
    let bench = Bench::new([def("fetch", task, blocking())]).with(Arc::clone(&room));
    send(&bench, "fetch", 20, 3).await;
    run_at_once(&bench, &bench.worker()).await;
    assert_eq!(room.most(), 24, "eight of each parcel");
}

#[tokio::test]
async fn a_worker_keeps_to_its_limit_of_calls() {
    for body in [waiting(), blocking()] {
        let room = Room::of(5);
        let task = Options::new().concurrency(50);
        let bench = Bench::new([def("mail", task, body)]).with(Arc::clone(&room));
        send(&bench, "mail", 20, 4).await;
        run_at_once(&bench, &bench.worker_with(WorkerOptions { concurrency: Some(5), ..options() })).await;
        assert_eq!(room.most(), 5, "over all parcels");
    }
}

/// Holds the first call of a parcel until it is opened.
#[derive(Default)]
struct Gate {
    open: Notify,
    waiting: AtomicUsize,
}

impl Gate {
    /// Polls a run until one of its calls waits here.
    async fn reached_by(&self, run: &mut (impl Future + Unpin)) {
        while self.waiting.load(Ordering::SeqCst) == 0 {
            assert!(futures::poll!(&mut *run).is_pending());
            tokio::task::yield_now().await;
        }
    }
}

fn gated() -> Body {
    Body::Async(|args, cx| {
        let waits = decode_args::<u32>(args).unwrap() == 0;
        let gate = cx.state::<Gate>();
        Ok(async move {
            if waits {
                gate.waiting.fetch_add(1, Ordering::SeqCst);
                gate.open.notified().await;
            }
            Ok(None)
        }
        .boxed())
    })
}

fn alone() -> WorkerOptions {
    WorkerOptions { concurrency: Some(1), ..options() }
}

#[tokio::test]
async fn a_call_that_is_cut_makes_room() {
    let task = Options::new().retries(0).timeout("30s");
    let bench = Bench::new([def("hang", task, gated())]).with(Gate::default());
    bench.send("hang", 10).await;
    bench.run_in_time(&bench.worker_with(alone())).await;
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.timed_out), (9, 1));
}

#[tokio::test]
async fn a_call_that_blocks_its_thread_for_ever_makes_room_when_it_is_cut() {
    let body = Body::Async(|args, _| {
        let blocks = decode_args::<u32>(args).unwrap() == 0;
        Ok(async move {
            if blocks {
                loop {
                    std::thread::park();
                }
            }
            Ok(None)
        }
        .boxed())
    });
    let task = Options::new().retries(0).timeout("30s");
    let bench = Bench::new([def("hang", task, body)]);
    bench.send("hang", 10).await;
    bench.run_in_time(&bench.worker_with(alone())).await;
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.timed_out), (9, 1));
}

#[tokio::test]
async fn a_parcel_that_was_lost_makes_room() {
    let bench = Bench::new([def("hang", Options::new(), gated())]).with(Gate::default());
    let gate = bench.states.get::<Gate>().unwrap();
    send(&bench, "hang", 2, 2).await;
    let worker = bench.worker_with(alone());
    let mut deliveries = bench.receive().await;
    {
        let mut dropped = run(&worker, deliveries.remove(0)).boxed();
        gate.reached_by(&mut dropped).await;
    }
    let opened = async {
        loop {
            gate.open.notify_one();
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = run(&worker, deliveries.remove(0)) => {}
        () = opened => unreachable!("it opens the gate again and again"),
    }
    assert_eq!(bench.ports.batches.get(BatchId::new(1_700_000_000_000, 101)).await.unwrap().unwrap().tally.ended(), 2);
}

#[tokio::test]
async fn a_parcel_that_waits_for_room_does_not_keep_a_worker_from_stopping() {
    let bench = Bench::new([def("hang", Options::new(), gated())]).with(Gate::default());
    let gate = bench.states.get::<Gate>().unwrap();
    send(&bench, "hang", 2, 2).await;
    let worker = bench.worker_with(alone());
    let mut deliveries = bench.receive().await;
    let (first, second) = (run(&worker, deliveries.remove(0)), run(&worker, deliveries.remove(0)));
    let (mut first, mut second) = (first.boxed(), second.boxed());
    // Both are claimed, and one of them has the only permit.
    for parcel in 0..2 {
        let id = ParcelId::root(BatchId::new(1_700_000_000_000, 100 + parcel), 0);
        while bench.row(id).await.is_none() {
            assert!(futures::poll!(&mut first).is_pending() && futures::poll!(&mut second).is_pending());
        }
    }
    let stop = worker.stop(Duration::from_mins(10));
    let ends = async {
        // No time passes: the run without a permit ends because none of its calls is running.
        let (Either::Left(((), rest)) | Either::Right(((), rest))) = select(first, second).await;
        gate.open.notify_one();
        rest.await;
    };
    join(stop, ends).await;
}

/// Parcels that share a limit cannot each use all of it.
#[tokio::test]
async fn parcels_that_share_a_limit_mark_no_more_calls_together_than_it_lets_run() {
    let task = Options::new().at_most_once().concurrency(50);
    let bench = Bench::new([def("pay", task, gated())]).with(Gate::default());
    let gate = bench.states.get::<Gate>().unwrap();
    for first in [0, 100, 200] {
        let at = |header: &mut Header| (header.id, header.first) = (ParcelId::root(header.batch, first), first);
        bench.send_with("pay", 10, at).await;
    }
    let worker = bench.worker_with(alone());
    let mut run = bench.run(&worker).boxed();
    gate.reached_by(&mut run).await;
    // By now the other parcels have marked all that they may mark.
    for _ in 0..100 {
        assert!(futures::poll!(&mut run).is_pending());
        std::thread::yield_now();
        tokio::task::yield_now().await;
    }
    drop(run);
    bench.clock.advance(Duration::from_mins(10));
    bench.run_in_time(&bench.worker_with(alone())).await;
    assert_eq!(bench.tally().await.unknown, 1, "only the call that had started");
}

#[tokio::test]
async fn only_calls_that_may_start_at_once_are_marked() {
    let task = Options::new().at_most_once().concurrency(50);
    let bench = Bench::new([def("pay", task, gated())]).with(Gate::default());
    let gate = bench.states.get::<Gate>().unwrap();
    bench.send("pay", 10).await;
    let worker = bench.worker_with(alone());
    let mut run = bench.run(&worker).boxed();
    gate.reached_by(&mut run).await;
    // The worker dies. A call that had no permit yet cannot have run, and the next worker knows that.
    drop(run);
    bench.clock.advance(Duration::from_mins(10));
    bench.run_all(&bench.worker_with(alone())).await;
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.unknown), (9, 1));
    assert_eq!(bench.dead().await[0].id, bench.call(0));
}
