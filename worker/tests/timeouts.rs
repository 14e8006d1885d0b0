//! Calls that do not end: each is cut at its timeout, whatever it does to its thread, and its parcel goes on.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use celeriac_core::{
    ports::{Clock as _, Reason},
    task::{Body, Context, Options},
    wire::decode_args,
};
use celeriac_worker::Worker;
use common::{Bench, ManualClock, def};
use futures::FutureExt as _;

const OPTIONS: Options = Options::new().retries(0).timeout("30s");

/// Blocks each call that enters, until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn enter(&self) {
        let (open, opened) = &*self.0;
        let guard = opened.wait_while(open.lock().unwrap(), |open| !*open).unwrap();
        drop(guard);
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// The gate of the sixth call, which hangs. `None` for the others.
fn hangs(args: &[u8], cx: &Context) -> Option<Gate> {
    (decode_args::<u32>(args).unwrap() == 5).then(|| Gate::clone(&cx.state::<Gate>()))
}

/// Runs ten calls, of which the sixth hangs. Returns that call's error text, and the bench.
async fn ten(options: Options, body: Body) -> (String, Bench, Gate, Arc<Worker>) {
    let gate = Gate::default();
    let bench = Bench::new([def("hang", options, body)]).with(gate.clone());
    let worker = bench.worker();
    bench.send("hang", 10).await;
    bench.run_in_time(&worker).await;
    let dead = bench.dead().await;
    assert_eq!((dead.len(), dead[0].reason, dead[0].id), (1, Reason::TimedOut, bench.call(5)));
    let history = bench.history(5).await;
    assert_eq!((history[0].kind.as_str(), history[0].message.as_str()), ("timeout", dead[0].message.as_str()));
    assert!(history[0].took_ms >= 30_000, "{history:?}");
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.timed_out), (9, 1));
    assert!(bench.is_empty().await);
    (dead[0].message.clone(), bench, gate, worker)
}

/// Opens the gate, and waits until no thread is blocked any more.
async fn free_threads(gate: &Gate, worker: &Worker) {
    gate.open();
    while worker.blocked_threads() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_call_that_waits_for_ever_is_cut() {
    let body = Body::Async(|args, cx| {
        let hangs = hangs(args, &cx).is_some();
        let body = async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            Ok(None)
        };
        Ok(body.boxed())
    });
    let (message, _bench, _, worker) = ten(OPTIONS, body).await;
    let start = "task `hang` did not end within 30s: pending at an `.await`, last polled ";
    assert!(message.starts_with(start), "{message}");
    assert_eq!(worker.blocked_threads(), 0);
}

#[tokio::test]
async fn an_async_call_that_blocks_its_thread_at_its_first_poll_keeps_no_other() {
    let body = Body::Async(|args, cx| {
        let gate = hangs(args, &cx);
        let body = async move {
            gate.iter().for_each(Gate::enter);
            Ok(None)
        };
        Ok(body.boxed())
    });
    let (message, bench, gate, worker) = ten(OPTIONS, body).await;
    let start = "task `hang` did not end within 30s: it blocks thread `celeriac-";
    assert!(message.starts_with(start) && message.contains("in one poll for 30"), "{message}");
    assert!(message.contains("should be a plain `fn`"), "{message}");
    assert_eq!(worker.blocked_threads(), 1);
    // A stop does not wait for it, and its late answer is ignored.
    bench.while_time_passes(worker.stop(Duration::ZERO)).await;
    free_threads(&gate, &worker).await;
    assert_eq!(bench.tally().await.succeeded, 9);
}

#[tokio::test]
async fn an_async_call_that_blocks_its_thread_at_a_later_poll_keeps_no_other() {
    let body = Body::Async(|args, cx| {
        let gate = hangs(args, &cx);
        let body = async move {
            tokio::task::yield_now().await;
            gate.iter().for_each(Gate::enter);
            Ok(None)
        };
        Ok(body.boxed())
    });
    let (message, _bench, gate, worker) = ten(OPTIONS, body).await;
    assert!(message.contains("it blocks thread `celeriac-"), "{message}");
    assert_eq!(worker.blocked_threads(), 1);
    free_threads(&gate, &worker).await;
}

#[tokio::test]
async fn a_blocking_call_that_never_returns_is_left_to_its_thread() {
    let body = Body::Blocking(|args, cx| {
        let gate = hangs(args, &cx);
        Ok(Box::new(move || {
            gate.iter().for_each(Gate::enter);
            Ok(None)
        }))
    });
    let (message, _bench, gate, worker) = ten(OPTIONS, body).await;
    assert_eq!(
        message,
        "task `hang` did not end within 30s: blocking, its thread cannot be stopped and is left to itself"
    );
    assert_eq!(worker.blocked_threads(), 1);
    free_threads(&gate, &worker).await;
}

#[tokio::test]
async fn as_many_blocked_threads_as_the_worker_has_stop_no_other_call() {
    let body = Body::Async(|args, cx| {
        let n = decode_args::<u32>(args).unwrap();
        let gate = Gate::clone(&cx.state::<Gate>());
        let clock = cx.state::<Arc<ManualClock>>();
        let body = async move {
            if n.is_multiple_of(10) {
                gate.enter();
            }
            clock.sleep(Duration::from_secs(5)).await;
            Ok(None)
        };
        Ok(body.boxed())
    });
    let gate = Gate::default();
    let bench = Bench::new([def("hang", OPTIONS, body)]).with(gate.clone()).with_clock();
    let worker = bench.worker();
    bench.send("hang", 50).await;
    bench.run_in_time(&worker).await;
    let tally = bench.tally().await;
    assert_eq!((tally.succeeded, tally.timed_out), (45, 5));
    assert_eq!(worker.blocked_threads(), 5);
    gate.open();
}

#[tokio::test]
async fn a_timeout_is_tried_again() {
    let body = Body::Async(|_, cx| {
        let first = cx.attempt() == 1;
        let body = async move {
            if first {
                std::future::pending::<()>().await;
            }
            Ok(None)
        };
        Ok(body.boxed())
    });
    let bench = Bench::new([def("slow", OPTIONS.retries(1), body)]);
    let worker = bench.worker();
    bench.send("slow", 1).await;
    bench.run_in_time(&worker).await;
    bench.run_all(&worker).await;
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.retries), (1, 1));
    assert_eq!(bench.history(0).await[0].kind, "timeout");
}

#[tokio::test]
async fn an_at_most_once_call_is_not_tried_again_after_a_timeout() {
    let body = Body::Async(|_, _| Ok(async { std::future::pending().await }.boxed()));
    let bench = Bench::new([def("charge", OPTIONS.retries(5).at_most_once(), body)]);
    bench.send("charge", 1).await;
    bench.run_in_time(&bench.worker()).await;
    assert_eq!(bench.dead().await[0].reason, Reason::TimedOut);
    assert!(bench.is_empty().await);
}
