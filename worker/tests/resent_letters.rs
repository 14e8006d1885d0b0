//! Dead letters that are sent again.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use celeriac_core::{
    client::Client,
    id::TaskId,
    ports::{DeadLetters, PortError, Ports, Removal, layers::DeadLettersLayer},
    task::{Body, Ended, Options, Stop},
};
use common::{Bench, def};
use futures::{
    FutureExt as _,
    future::{BoxFuture, ready},
};

/// Dead letters that are never removed: their sender died before it removed them, or the store cannot be reached.
struct Stuck(Arc<dyn DeadLetters>);

impl DeadLettersLayer for Stuck {
    fn inner(&self) -> &dyn DeadLetters {
        &*self.0
    }

    fn remove(&self, _: Vec<(TaskId, u64)>, _: Removal) -> BoxFuture<'_, Result<u64, PortError>> {
        ready(Err(PortError::Unavailable { what: "the ledger is down".to_owned(), source: None })).boxed()
    }
}

fn stuck(ports: &Ports) -> Ports {
    Ports { dead_letters: Arc::new(Stuck(Arc::clone(&ports.dead_letters))), ..ports.clone() }
}

fn refused() -> BoxFuture<'static, Ended> {
    ready(Err(Stop::Cancel("no such address".to_owned()))).boxed()
}

/// A task that is refused the first time.
fn mail(attempts: &AtomicU32) -> BoxFuture<'static, Ended> {
    if attempts.fetch_add(1, Ordering::Relaxed) == 0 { refused() } else { ready(Ok(None)).boxed() }
}

fn bench() -> Bench {
    let body = Body::Async(|_, cx| Ok(mail(&cx.state::<Arc<AtomicU32>>())));
    Bench::new([def("mail", Options::new(), body)]).with(Arc::new(AtomicU32::new(0)))
}

#[tokio::test]
async fn the_letter_of_a_live_call_is_removed_although_its_sender_died_before() {
    let bench = bench();
    bench.send("mail", 1).await;
    assert_eq!(bench.run(&bench.worker()).await, 1);
    let error = Client::new(stuck(&bench.ports)).retry_dead(&bench.dead().await).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), bench.dead().await.len()), ("the ledger is down", 1));

    assert_eq!(bench.run(&bench.worker()).await, 1);
    assert_eq!(bench.dead().await, [], "it has succeeded");
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.failed), (1, 0), "and is counted once");
}

#[tokio::test]
async fn a_call_whose_letter_cannot_be_removed_waits() {
    let bench = bench();
    bench.send("mail", 1).await;
    assert_eq!(bench.run(&bench.worker()).await, 1);
    assert_eq!(Client::new(bench.ports.clone()).retry_dead(&bench.dead().await).await.unwrap(), 1);
    let ports = stuck(&bench.ports);
    let worker =
        celeriac_worker::Worker::new(Arc::clone(&bench.registry), ports, bench.states.clone(), common::options());
    assert_eq!(bench.run(&worker).await, 1);
    assert_eq!(bench.tally().await.ended(), 0, "it has not run");
    bench.run_all(&bench.worker()).await;
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.failed), (1, 0));
}

#[tokio::test]
async fn a_call_that_is_sent_again_dies_later_than_before_whatever_the_clock_says() {
    let bench = Bench::new([def("mail", Options::new(), Body::Async(|_, _| Ok(refused())))]);
    bench.send("mail", 1).await;
    let (worker, client) = (bench.worker(), Client::new(bench.ports.clone()));
    assert_eq!(bench.run(&worker).await, 1);
    // Time stands still: only the time of death distinguishes a letter from the call's previous letter.
    for _ in 0..3 {
        let letters = bench.dead().await;
        assert_eq!((client.retry_dead(&letters).await.unwrap(), bench.run(&worker).await), (1, 1));
        assert_eq!(bench.dead().await.len(), 1, "it ran, and died");
        assert!(bench.dead().await[0].died_ms > letters[0].died_ms);
        assert_eq!(client.drop_dead(&letters).await.unwrap(), 0, "that one is gone");
    }
    assert_eq!(bench.tally().await.failed, 1);
}
