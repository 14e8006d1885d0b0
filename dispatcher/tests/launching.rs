//! Tests a dispatcher while Invokes are in flight.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use celeriac_core::{
    Lane,
    ports::{Invocation, InvokeError, Invoker},
};
use celeriac_dispatcher::{Dispatcher, DispatcherOptions};
use common::send;
use futures::{
    FutureExt as _,
    future::{BoxFuture, join},
};
use tokio::sync::{Barrier, Notify};
use tokio_util::sync::CancellationToken;

/// Accepts nothing until this many are in flight.
struct Together {
    barrier: Barrier,
    begun: Notify,
    most: usize,
    accepted: AtomicUsize,
    stop: CancellationToken,
}

impl Together {
    fn new(most: usize, stop: &CancellationToken) -> Arc<Self> {
        let accepted = AtomicUsize::new(0);
        Arc::new(Self { barrier: Barrier::new(most), begun: Notify::new(), most, accepted, stop: stop.clone() })
    }
}

impl Invoker for Together {
    fn room(&self, _: Lane) -> BoxFuture<'_, usize> {
        std::future::ready(100).boxed()
    }

    fn invoke(&self, _: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        async {
            self.begun.notify_one();
            self.barrier.wait().await;
            if self.accepted.fetch_add(1, SeqCst) + 1 == self.most {
                self.stop.cancel();
            }
            Ok(())
        }
        .boxed()
    }
}

#[tokio::test]
async fn it_receives_more_while_invokes_are_in_flight() {
    let directory = tempfile::tempdir().unwrap();
    let ports = celeriac_embedded::open(&directory.path().join("test.db")).unwrap();
    send(&ports, "mail", 5).await;
    let stop = CancellationToken::new();
    let invoker = Together::new(5, &stop);
    let options = DispatcherOptions { receive: 1, ..DispatcherOptions::new(["mail"]) };
    let dispatcher = Dispatcher::new(ports, invoker.clone(), options);
    let ran = tokio::time::timeout(Duration::from_secs(20), dispatcher.run(stop)).await;
    assert!(ran.is_ok(), "it waited for one Invoke before it made the next");
    assert_eq!(invoker.accepted.load(SeqCst), 5);
}

/// Delays each one, and records how many were in flight at once.
#[derive(Default)]
struct Slow {
    under_way: AtomicUsize,
    most: AtomicUsize,
    accepted: AtomicUsize,
    stop: CancellationToken,
}

impl Invoker for Slow {
    fn room(&self, _: Lane) -> BoxFuture<'_, usize> {
        std::future::ready(100).boxed()
    }

    fn invoke(&self, _: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        async {
            self.most.fetch_max(1 + self.under_way.fetch_add(1, SeqCst), SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.under_way.fetch_sub(1, SeqCst);
            if self.accepted.fetch_add(1, SeqCst) == 2 {
                self.stop.cancel();
            }
            Ok(())
        }
        .boxed()
    }
}

#[tokio::test]
async fn it_receives_no_more_while_it_has_as_many_bytes_in_hand_as_it_may() {
    let directory = tempfile::tempdir().unwrap();
    let ports = celeriac_embedded::open(&directory.path().join("test.db")).unwrap();
    send(&ports, "mail", 3).await;
    let invoker = Arc::new(Slow::default());
    let options = DispatcherOptions { receive: 1, bytes: 1, ..DispatcherOptions::new(["mail"]) };
    Dispatcher::new(ports, invoker.clone(), options).run(invoker.stop.clone()).await.unwrap();
    assert_eq!((invoker.most.load(SeqCst), invoker.accepted.load(SeqCst)), (1, 3));
}

#[tokio::test]
async fn launches_in_flight_are_completed_when_it_stops() {
    let directory = tempfile::tempdir().unwrap();
    let ports = celeriac_embedded::open(&directory.path().join("test.db")).unwrap();
    send(&ports, "mail", 1).await;
    let stop = CancellationToken::new();
    let invoker = Together::new(2, &stop);
    let dispatcher = Dispatcher::new(ports, invoker.clone(), DispatcherOptions::new(["mail"]));
    let other = async {
        invoker.begun.notified().await;
        stop.cancel();
        invoker.barrier.wait().await;
    };
    let (stopped, ()) = join(dispatcher.run(stop.clone()), other).await;
    stopped.unwrap();
    assert_eq!(invoker.accepted.load(SeqCst), 1);
}
