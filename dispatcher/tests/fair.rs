//! What a dispatcher takes first when there is more than it may launch.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::sync::{Arc, Mutex};

use dispatcher::{Dispatcher, DispatcherOptions};
use futures::{FutureExt as _, future::BoxFuture};
use task_core::{
    id::{BatchId, ParcelId},
    ports::{Invocation, InvokeError, Invoker, Outgoing, Ports},
    wire::{Header, Packer, Packing},
};
use tokio_util::sync::CancellationToken;

/// Has room for one invocation at a time, and ends after so many.
struct Narrow {
    most: usize,
    queues: Mutex<Vec<Arc<str>>>,
    stop: CancellationToken,
}

impl Invoker for Narrow {
    fn room(&self) -> BoxFuture<'_, usize> {
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

async fn send(ports: &Ports, queue: &str, parcels: u64) {
    let batch = BatchId::from_key("mail.send", queue);
    let parcel = |first| {
        let mut packer = Packer::new(Packing { calls: 1, bytes: 1 << 16, call_bytes: 1 << 16 });
        packer.push(b"\xc0");
        let body = packer.encode(Header {
            id: ParcelId::root(batch, first),
            parent: None,
            batch,
            recorded: false,
            task: "mail.send".to_owned(),
            queue: queue.to_owned(),
            first,
            count: 0,
            attempt: 1,
            hops: 0,
            created_ms: 0,
            due_ms: 0,
            expires_ms: None,
            not_after_ms: u64::MAX,
            tenant: None,
            call_ms: 0,
        });
        Outgoing { queue: queue.into(), body, due_ms: 0 }
    };
    assert!(ports.queue.send((0..parcels).map(parcel).collect()).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_queue_with_a_long_backlog_does_not_keep_the_others_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let ports = task_core::embedded::open(&directory.path().join("test.db")).unwrap();
    send(&ports, "campaign", 30).await;
    send(&ports, "sign_up", 2).await;
    let stop = CancellationToken::new();
    let invoker = Arc::new(Narrow { most: 6, queues: Mutex::default(), stop: stop.clone() });
    let options = DispatcherOptions::new(["campaign", "empty", "sign_up"]);
    Dispatcher::new(ports, invoker.clone(), options).run(stop).await;
    let queues = invoker.queues.lock().unwrap();
    let at: Vec<_> = (0..queues.len()).filter(|at| &*queues[*at] == "sign_up").collect();
    assert_eq!(at.len(), 2, "{queues:?}");
}
