//! Tests which messages a dispatcher takes first when there are more than it may launch.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use celeriac_core::{
    Lane,
    ports::{Invocation, InvokeError, Invoker},
};
use celeriac_dispatcher::{Dispatcher, DispatcherOptions};
use common::{send, send_in};
use futures::{FutureExt as _, future::BoxFuture};
use tokio_util::sync::CancellationToken;

/// Has room for one invocation at a time, and stops after this many.
struct Narrow {
    most: usize,
    queues: Mutex<Vec<Arc<str>>>,
    stop: CancellationToken,
}

impl Invoker for Narrow {
    fn room(&self, _: Lane) -> BoxFuture<'_, usize> {
        std::future::ready(1).boxed()
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        let mut queues = self.queues.lock().unwrap();
        queues.extend(invocation.deliveries.into_iter().map(|delivery| delivery.queue));
        if queues.len() == self.most {
            self.stop.cancel();
        }
        std::future::ready(Ok(())).boxed()
    }
}

#[tokio::test]
async fn a_queue_with_a_long_backlog_does_not_keep_the_others_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let ports = celeriac_embedded::open(&directory.path().join("test.db")).unwrap();
    send(&ports, "campaign", 30).await;
    send(&ports, "sign_up", 2).await;
    let stop = CancellationToken::new();
    let invoker = Arc::new(Narrow { most: 6, queues: Mutex::default(), stop: stop.clone() });
    let options = DispatcherOptions::new(["campaign", "empty", "sign_up"]);
    Dispatcher::new(ports, invoker.clone(), options).run(stop).await.unwrap();
    let queues = invoker.queues.lock().unwrap();
    let at: Vec<_> = (0..queues.len()).filter(|at| &*queues[*at] == "sign_up").collect();
    assert_eq!(at.len(), 2, "{queues:?}");
}

/// Has room for interactive invocations only, as when bulk parcels have all of their slots.
struct NoRoomForBulk {
    lanes: Mutex<Vec<Lane>>,
    stop: CancellationToken,
}

impl Invoker for NoRoomForBulk {
    fn room(&self, lane: Lane) -> BoxFuture<'_, usize> {
        if lane == Lane::Bulk { std::future::pending().boxed() } else { std::future::ready(1).boxed() }
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        self.lanes.lock().unwrap().push(invocation.lane);
        self.stop.cancel();
        std::future::ready(Ok(())).boxed()
    }
}

#[tokio::test]
async fn a_lone_call_is_launched_although_bulk_has_no_room() {
    let directory = tempfile::tempdir().unwrap();
    let ports = celeriac_embedded::open(&directory.path().join("test.db")).unwrap();
    send_in(&ports, "mail", Lane::Bulk, 30).await;
    send_in(&ports, "mail", Lane::Interactive, 1).await;
    let stop = CancellationToken::new();
    let invoker = Arc::new(NoRoomForBulk { lanes: Mutex::default(), stop: stop.clone() });
    let dispatcher = Dispatcher::new(ports.clone(), invoker.clone(), DispatcherOptions::new(["mail"]));
    tokio::time::timeout(Duration::from_secs(20), dispatcher.run(stop)).await.expect("it is launched").unwrap();
    assert_eq!(*invoker.lanes.lock().unwrap(), [Lane::Interactive]);
    assert_eq!(ports.queue.depths().await.unwrap()[0].ready, 30, "the bulk lane was not touched");
}
