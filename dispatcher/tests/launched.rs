//! Tests a dispatcher's report of its work.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::sync::{Arc, Mutex};

use celeriac_core::{
    Lane,
    ports::{
        Delivery, Invocation, InvokeError, Invoker, Outgoing, PortError, Ports, Queue, Receive, Settle, Settlement,
        layers::QueueLayer,
    },
};
use celeriac_dispatcher::{Dispatcher, DispatcherOptions, Launched};
use common::send;
use futures::{FutureExt as _, future::BoxFuture};

/// A queue that cannot settle certain messages.
struct Unsettling(Arc<dyn Queue>, fn(&Settle) -> bool);

impl QueueLayer for Unsettling {
    fn inner(&self) -> &dyn Queue {
        &*self.0
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        async move {
            let mut settled = Vec::new();
            for settlement in settlements {
                settled.push(if self.1(&settlement.settle) {
                    Err(PortError::Stale)
                } else {
                    self.0.settle(vec![settlement]).await.remove(0)
                });
            }
            settled
        }
        .boxed()
    }
}

/// Refuses every invocation.
struct Throttled;

impl Invoker for Throttled {
    fn room(&self, _: Lane) -> BoxFuture<'_, usize> {
        std::future::ready(1).boxed()
    }

    fn invoke(&self, _: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        std::future::ready(Err(InvokeError::Throttled)).boxed()
    }
}

/// Dispatches a message that is no parcel, a refused parcel, and one without capacity.
async fn dispatch(fails: fn(&Settle) -> bool) -> Launched {
    let directory = tempfile::tempdir().unwrap();
    let ports = celeriac_embedded::open(&directory.path().join("test.db")).unwrap();
    let queue = Arc::new(Unsettling(Arc::clone(&ports.queue), fails));
    let ports = Ports { queue, ..ports };
    ports.queue.send(vec![Outgoing::of("mail", "order 4711", 0)]).await;
    send(&ports, "mail", 1).await;
    send(&ports, "post", 1).await;
    let queues = vec!["mail".into(), "post".into()];
    let deliveries =
        ports.queue.receive(Receive { queues, lanes: Lane::ALL, max: 10, hide_ms: 60_000, wait_ms: 0 }).await.unwrap();
    assert_eq!(deliveries.len(), 3);
    // The second parcel does not travel with the first.
    let options = DispatcherOptions { parcels: 1, ..DispatcherOptions::new(["mail", "post"]) };
    Dispatcher::new(ports, Arc::new(Throttled), options).dispatch(deliveries, 1).await
}

#[tokio::test]
async fn messages_put_back_and_buried_are_counted() {
    assert_eq!(dispatch(|_| false).await, Launched { refused: 2, buried: 1, ..Launched::default() });
}

#[tokio::test]
async fn unsettled_messages_are_counted_as_unsettled() {
    let is_hide = |settle: &Settle| matches!(settle, Settle::Hide { .. });
    assert_eq!(dispatch(is_hide).await, Launched { buried: 1, unsettled: 2, ..Launched::default() });
    let is_bury = |settle: &Settle| matches!(settle, Settle::Bury { .. });
    assert_eq!(dispatch(is_bury).await, Launched { refused: 2, unsettled: 1, ..Launched::default() });
}

/// A worker of the same program could not run it either.
#[tokio::test]
async fn a_parcel_of_a_newer_version_is_put_back_for_longer_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let ports = celeriac_embedded::open(&directory.path().join("test.db")).unwrap();
    send(&ports, "mail", 1).await;
    let request = Receive { queues: vec!["mail".into()], lanes: Lane::ALL, max: 1, hide_ms: 60_000, wait_ms: 0 };
    let mut delivery = ports.queue.receive(request).await.unwrap().remove(0);
    delivery.body = [&[2], &delivery.body[1..]].concat().into();
    let hides = Arc::new(Mutex::new(Vec::new()));
    let queue = Arc::new(Hides(Arc::clone(&ports.queue), Arc::clone(&hides)));
    let now_ms = ports.clock.now_ms();
    let dispatcher = Dispatcher::new(Ports { queue, ..ports }, Arc::new(Throttled), DispatcherOptions::new(["mail"]));
    for (receives, wait_ms) in [(1, 1_000), (5, 16_000), (1_000, 300_000)] {
        let delivery = Delivery { receives, ..delivery.clone() };
        assert_eq!(dispatcher.dispatch(vec![delivery], 1).await, Launched { refused: 1, ..Launched::default() });
        let until_ms = hides.lock().unwrap().pop().unwrap();
        assert!((wait_ms..wait_ms + 60_000).contains(&(until_ms - now_ms)), "{receives}: {}", until_ms - now_ms);
    }
}

/// Records until when messages are hidden.
struct Hides(Arc<dyn Queue>, Arc<Mutex<Vec<u64>>>);

impl QueueLayer for Hides {
    fn inner(&self) -> &dyn Queue {
        &*self.0
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        for settlement in &settlements {
            let Settle::Hide { until_ms } = settlement.settle else { panic!("{settlement:?}") };
            self.1.lock().unwrap().push(until_ms);
        }
        self.0.settle(settlements)
    }
}
