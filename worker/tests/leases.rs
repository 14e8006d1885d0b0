//! Calls whose worker is late: no call that the worker still holds runs twice.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use celeriac_core::{
    ports::{Atomic, Clock as _, Invocation, PortError, Settling, layers::AtomicLayer},
    task::{Body, Options},
};
use common::{Bench, def};
use futures::{
    FutureExt as _,
    future::{BoxFuture, join},
};
use tokio::sync::{Notify, Semaphore};

/// The state that a test shares with its task.
#[derive(Default)]
struct Desk {
    starts: AtomicU32,
    started: Notify,
    settling: Notify,
    full: AtomicBool,
}

impl Desk {
    fn starts(&self) -> u32 {
        self.starts.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_process_that_was_frozen_does_not_take_over_its_own_run() {
    // It waits only at its first start, so that a second start would end.
    let body = Body::Async(|_, cx| {
        let (desk, gate) = (cx.state::<Arc<Desk>>(), cx.state::<Arc<Semaphore>>());
        Ok(async move {
            if desk.starts.fetch_add(1, Ordering::SeqCst) == 0 {
                desk.started.notify_one();
                gate.acquire().await.unwrap().forget();
            }
            Ok(None)
        }
        .boxed())
    });
    let (desk, gate) = (Arc::new(Desk::default()), Arc::new(Semaphore::new(0)));
    let bench = Bench::new([def("slow", Options::new().timeout("10m"), body)]);
    let bench = bench.with(Arc::clone(&desk)).with(Arc::clone(&gate));
    bench.send("slow", 1).await;
    let (worker, deliveries) = (bench.worker(), bench.receive().await);
    let mut run = std::pin::pin!(worker.run(Invocation::of(deliveries), None));
    tokio::select! {
        _ = &mut run => panic!("it waits at the gate"),
        () = desk.started.notified() => {}
    }
    // A minute in which nothing in the process runs. Its dispatcher happens to wake before the run that holds the
    // lease.
    bench.clock.advance(Duration::from_mins(1));
    assert_eq!(bench.run(&worker).await, 1, "the message is there again");
    assert_eq!(desk.starts(), 1);
    gate.add_permits(1);
    run.await;
    bench.run_all(&worker).await;
    assert_eq!((desk.starts(), bench.tally().await.succeeded, bench.tally().await.ended()), (1, 1, 1));
}

/// A full file: it has room for claims and renewals, but not for the end of a run.
struct Full {
    inner: Arc<dyn Atomic>,
    desk: Arc<Desk>,
}

impl AtomicLayer for Full {
    fn inner(&self) -> &dyn Atomic {
        &*self.inner
    }

    fn settle(&self, settling: Settling) -> BoxFuture<'_, Result<(), PortError>> {
        if !self.desk.full.load(Ordering::SeqCst) {
            return self.inner.settle(settling);
        }
        self.desk.settling.notify_one();
        let what = "nothing was written: the disk is full".to_owned();
        std::future::ready(Err(PortError::Unavailable { what, source: None })).boxed()
    }
}

#[tokio::test]
async fn a_parcel_that_cannot_be_settled_for_long_is_not_run_again() {
    let body = Body::Async(|_, cx| {
        cx.state::<Arc<Desk>>().starts.fetch_add(1, Ordering::SeqCst);
        Ok(async { Ok(None) }.boxed())
    });
    let desk = Arc::new(Desk::default());
    let mut bench = Bench::new([def("mail", Options::new(), body)]).with(Arc::clone(&desk));
    let inner = bench.ports.atomic.take().unwrap();
    bench.ports.atomic = Some(Arc::new(Full { inner, desk: Arc::clone(&desk) }));
    bench.send("mail", 100).await;
    desk.full.store(true, Ordering::SeqCst);
    let (worker, other) = (bench.worker(), bench.worker());
    let first = bench.receive().await;
    let mut run = std::pin::pin!(worker.run(Invocation::of(first), None));
    // Time stands still until then, so that no checkpoint records any of it.
    tokio::select! {
        _ = &mut run => panic!("it cannot be settled"),
        () = desk.settling.notified() => {}
    }
    let others = async {
        for _ in 0..5 {
            bench.clock.sleep(Duration::from_secs(10)).await;
            bench.run(&other).await;
            bench.run(&worker).await;
        }
        assert_eq!((desk.starts(), bench.tally().await.ended()), (100, 0));
        desk.full.store(false, Ordering::SeqCst);
    };
    bench.while_time_passes(join(run, others)).await;
    bench.run_all(&other).await;
    assert_eq!((desk.starts(), bench.tally().await.succeeded), (100, 100));
}
