//! Bodies that panic: while arguments are read, with a value that panics itself, or when their future is dropped.

use std::{
    panic::panic_any,
    pin::Pin,
    task::{Context as Polling, Poll},
};

use celeriac_core::{
    task::{Body, Ended},
    wire::decode_args,
};
use futures::FutureExt as _;

use crate::{
    common::{Bench, def},
    fragile::{Ending, ONCE, WRONG, two_of_six_die},
};

#[tokio::test]
async fn arguments_that_panic_while_they_are_read() {
    let bodies = [
        Body::Async(|args, _| {
            assert!(!WRONG.contains(&decode_args::<u32>(args).unwrap()), "not this one");
            Ok(async { Ok(None) }.boxed())
        }),
        Body::Blocking(|args, _| {
            assert!(!WRONG.contains(&decode_args::<u32>(args).unwrap()), "not this one");
            Ok(Box::new(|| Ok(None)))
        }),
    ];
    for body in bodies {
        let bench = Bench::new([def("fragile", ONCE, body)]);
        bench.send("fragile", 6).await;
        bench.while_time_passes(bench.run(&bench.worker())).await;
        let said = bench.dead().await.remove(0).message;
        let begins = "panicked while its arguments were read, at worker/tests/panics/bodies.rs:";
        assert!(said.starts_with(begins) && said.ends_with(": not this one"), "{said}");
        assert_eq!((bench.tally().await.succeeded, bench.dead().await.len()), (4, 2));
    }
}

/// Panics when it is dropped, and so does its panic's value.
struct Bomb(u32);

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0 > 0 && !std::thread::panicking() {
            panic_any(Bomb(self.0 - 1));
        }
    }
}

struct PanicsWithABomb;

impl Ending for PanicsWithABomb {
    fn end() -> Ended {
        panic_any(Bomb(2))
    }
}

#[tokio::test]
async fn a_panic_whose_value_panics_when_it_is_dropped() {
    let begins = "panicked at worker/tests/panics/bodies.rs:";
    two_of_six_die::<PanicsWithABomb>("panic", begins, ": with a value that is no text").await;
}

/// A future that panics when it is dropped, however it ended.
struct Slippery {
    pending: u32,
    _bomb: Bomb,
}

impl Future for Slippery {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Polling<'_>) -> Poll<Ended> {
        if self.pending == 0 {
            return Poll::Ready(Ok(None));
        }
        self.pending -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[tokio::test]
async fn a_future_that_panics_when_it_is_dropped() {
    let bodies = [
        Body::Async(|_, _| Ok(Box::pin(Slippery { pending: 0, _bomb: Bomb(2) }))),
        Body::Async(|_, _| Ok(Box::pin(Slippery { pending: 3, _bomb: Bomb(2) }))),
    ];
    for body in bodies {
        let bench = Bench::new([def("slippery", ONCE, body)]);
        bench.send("slippery", 300).await;
        bench.while_time_passes(bench.run(&bench.worker())).await;
        assert_eq!((bench.tally().await.succeeded, bench.dead().await.len()), (300, 0), "it had returned by then");
    }
}

#[tokio::test]
async fn a_future_that_panics_when_it_is_cut() {
    let body = Body::Async(|_, _| {
        let bomb = Bomb(2);
        Ok(async move {
            std::future::pending::<()>().await;
            drop(bomb);
            Ok(None)
        }
        .boxed())
    });
    let bench = Bench::new([def("endless", ONCE, body)]);
    bench.send("endless", 300).await;
    bench.while_time_passes(bench.run(&bench.worker())).await;
    assert_eq!((bench.tally().await.timed_out, bench.is_empty().await), (300, true));
}
