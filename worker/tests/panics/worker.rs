//! Faults of the worker and of what it runs on: its threads, its clock, its random bits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use celeriac_core::{
    ports::{Blocking, Clock, Entropy, Reason, Threads},
    task::{Body, Options, Stop},
    wire::decode_args,
};
use futures::{FutureExt as _, future::BoxFuture};

use crate::common::{Bench, ManualClock, def};

/// Runs no work: its threads are gone, or it panics when it is called.
struct NoThreads {
    panics: bool,
    times: AtomicBool,
}

impl Blocking for NoThreads {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        if self.times.swap(false, Ordering::SeqCst) {
            assert!(!self.panics, "no more threads");
            return drop(work);
        }
        Threads.run(work);
    }
}

#[tokio::test]
async fn a_call_whose_thread_dies_is_tried_again() {
    for panics in [false, true] {
        let body = Body::Blocking(|_, _| Ok(Box::new(|| Ok(None))));
        let mut bench = Bench::new([def("resize", Options::new(), body)]);
        bench.ports.blocking = Arc::new(NoThreads { panics, times: AtomicBool::new(true) });
        bench.send("resize", 6).await;
        bench.run_all(&bench.worker()).await;
        assert_eq!((bench.tally().await.succeeded, bench.tally().await.retries), (6, 1));
        let history = bench.history(0).await.remove(0);
        assert_eq!(history.kind, "worker");
        assert!(history.message.starts_with("the worker lost it: its thread"), "{}", history.message);
    }
}

#[tokio::test]
async fn a_call_that_must_not_run_twice_is_unknown_when_its_thread_dies() {
    let body = Body::Blocking(|_, _| Ok(Box::new(|| Ok(None))));
    let mut bench = Bench::new([def("pay", Options::new().at_most_once(), body)]);
    bench.ports.blocking = Arc::new(NoThreads { panics: false, times: AtomicBool::new(true) });
    bench.send("pay", 6).await;
    bench.run_all(&bench.worker()).await;
    assert_eq!((bench.tally().await.succeeded, bench.dead().await.remove(0).reason), (5, Reason::Unknown));
}

/// A clock that panics once on a thread that polls calls.
struct Broken(Arc<ManualClock>, AtomicBool);

impl Clock for Broken {
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    fn monotonic_us(&self) -> u64 {
        let polls = std::thread::current().name().is_some_and(|name| name.starts_with("celeriac-"));
        assert!(!polls || !self.1.swap(false, Ordering::SeqCst), "the spring broke");
        self.0.monotonic_us()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration)
    }
}

#[tokio::test]
async fn a_panic_of_a_polling_thread_holds_up_no_parcel() {
    let body = Body::Async(|args, cx| {
        // The clock is read next after this call was polled.
        let breaks = decode_args::<u32>(args).unwrap() == 5 && cx.attempt() == 1;
        let clock = cx.state::<Arc<Broken>>();
        Ok(async move {
            clock.1.store(breaks, Ordering::SeqCst);
            Ok(None)
        }
        .boxed())
    });
    let mut bench = Bench::new([def("tick", Options::new(), body)]);
    let broken = Arc::new(Broken(Arc::clone(&bench.clock), AtomicBool::new(false)));
    bench.ports.clock = Arc::clone(&broken) as Arc<dyn Clock>;
    let bench = bench.with(broken);
    bench.send("tick", 100).await;
    bench.run_all(&bench.worker()).await;
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.retries), (100, 1));
    let history = bench.history(5).await.remove(0);
    assert_eq!(history.kind, "worker");
    assert!(history.message.contains("its thread panicked outside of its code"), "{}", history.message);
}

/// Random bits that panic once. The run of a parcel draws them.
struct Loaded(AtomicBool);

impl Entropy for Loaded {
    fn next_u64(&self) -> u64 {
        assert!(!self.0.swap(false, Ordering::SeqCst), "the die broke");
        4
    }
}

#[tokio::test]
async fn a_run_that_panics_gives_its_parcel_back() {
    let body = Body::Async(|_, cx| {
        let end = if cx.attempt() == 1 { Err(Stop::Retry("no answer".into())) } else { Ok(None) };
        Ok(async move { end }.boxed())
    });
    let mut bench = Bench::new([def("call_out", Options::new(), body)]);
    bench.ports.entropy = Arc::new(Loaded(AtomicBool::new(true)));
    bench.send("call_out", 6).await;
    let worker = bench.worker();
    assert_eq!(bench.run(&worker).await, 1);
    assert_eq!(bench.tally().await.ended(), 0, "the run has ended without a verdict");
    let moments = bench.run_all(&worker).await;
    assert_eq!(moments[0], Duration::from_secs(1), "its lease ended with it");
    assert_eq!((bench.tally().await.succeeded, bench.dead().await.len()), (6, 0));
}
