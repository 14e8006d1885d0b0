//! The world of a case: a fresh backend, with helpers for common steps.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{ManualClock, claim_request};
use celeriac_core::{
    Lane,
    bitmap::Bitmap,
    id::{BatchId, ParcelId},
    ports::{
        BatchRecord, Claim, ClaimRequest, Claimed, Delivery, Depth, Finish, Lanes, NewBatch, Outgoing, PortError,
        Ports, Receive, Record, Settle, Tally,
    },
};

/// An empty backend under a clock of its own.
pub struct World {
    pub(super) ports: Ports,
    pub(super) clock: Arc<ManualClock>,
    _guard: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("ports", &self.ports).field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl World {
    /// The ports of an empty backend, their clock, and a guard that must live as long as they do.
    pub fn new(ports: Ports, clock: Arc<ManualClock>, guard: impl Any + Send + Sync) -> Self {
        Self { ports, clock, _guard: Box::new(guard) }
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.ports.clock.now_ms()
    }

    pub(super) fn advance_ms(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
    }

    /// Sends one message, due at `due_ms`.
    pub(super) async fn send(&self, queue: &str, body: &str, due_ms: u64) {
        let sent = self.ports.queue.send(vec![outgoing(queue, body, due_ms)]).await;
        assert!(matches!(sent[..], [Ok(())]), "{sent:?}");
    }

    /// Sends a message, which must be accepted.
    pub(super) async fn send_message(&self, message: Outgoing) {
        let sent = self.ports.queue.send(vec![message]).await;
        assert!(matches!(sent[..], [Ok(())]), "{sent:?}");
    }

    /// Whether the backend has no lanes yet.
    pub(super) fn lanes_are_together(&self) -> bool {
        self.ports.profile.lanes == Lanes::Together
    }

    /// Receives the due messages, hidden for ten seconds.
    pub(super) async fn receive(&self, queue: &str, max: usize) -> Vec<Delivery> {
        self.ports.queue.receive(receive(&[queue], max, 0)).await.expect("receive")
    }

    /// Receives one message, which must exist.
    pub(super) async fn receive_one(&self, queue: &str) -> Delivery {
        let mut deliveries = self.receive(queue, 10).await;
        assert_eq!(deliveries.len(), 1, "{deliveries:?}");
        deliveries.remove(0)
    }

    /// The bodies of the due messages, sorted.
    pub(super) async fn bodies(&self, queue: &str) -> Vec<String> {
        let mut bodies: Vec<String> = self.receive(queue, 100).await.iter().map(body).collect();
        bodies.sort();
        bodies
    }

    pub(super) async fn settle(&self, delivery: &Delivery, settle: Settle) -> Result<(), PortError> {
        let mut settled = self.ports.queue.settle(vec![delivery.settled(settle)]).await;
        assert_eq!(settled.len(), 1);
        settled.remove(0)
    }

    pub(super) async fn depth(&self, queue: &str) -> Depth {
        let depths = self.ports.queue.depths().await.expect("depths");
        depths.into_iter().find(|depth| depth.queue.as_ref() == queue).expect("the queue has had a message")
    }

    /// Opens a batch of this many calls and accepts them all.
    pub(super) async fn batch(&self, accepted: u64, callback: Option<Outgoing>) -> BatchId {
        let batch = new_batch(self.now_ms(), "spring", callback);
        let id = batch.id;
        self.ports.batches.open(batch).await.expect("open");
        if accepted > 0 {
            self.ports.batches.accepted(id, 0, accepted).await.expect("accepted");
        }
        id
    }

    pub(super) async fn record_of(&self, batch: BatchId) -> BatchRecord {
        self.ports.batches.get(batch).await.expect("get").expect("the batch is open")
    }

    /// A request to claim the root parcel of ten calls that begins with call `first` that its batch counts.
    pub(super) fn request(&self, batch: BatchId, first: u64) -> ClaimRequest {
        claim_request(batch, first, 10, self.now_ms())
    }

    pub(super) async fn claim(&self, request: ClaimRequest) -> Claim {
        let mut claims = self.ports.ledger.claim(vec![request]).await;
        assert_eq!(claims.len(), 1);
        claims.remove(0).expect("claim")
    }

    /// Claims a parcel, which must be free.
    pub(super) async fn claimed(&self, request: ClaimRequest) -> Claimed {
        match self.claim(request).await {
            Claim::Claimed(claimed) => claimed,
            other => panic!("not claimed: {other:?}"),
        }
    }

    /// Claims the parcel of ten calls from `first` on, and finishes it with ten successes.
    pub(super) async fn run_ten(&self, batch: BatchId, first: u64) -> Option<celeriac_core::ports::Owed> {
        let Claimed { epoch, .. } = self.claimed(self.request(batch, first)).await;
        let finish = Finish { parcel: ParcelId::root(batch, first), epoch, record: Some(succeeded(10)) };
        self.ports.ledger.finish(finish).await.expect("finish")
    }
}

pub(super) fn outgoing(queue: &str, body: &str, due_ms: u64) -> Outgoing {
    Outgoing::of(queue, Bytes::copy_from_slice(body.as_bytes()), due_ms)
}

pub(super) fn in_lane(lane: Lane, body: &str) -> Outgoing {
    Outgoing { lane, ..outgoing("mail", body, 0) }
}

pub(super) fn receive(queues: &[&str], max: usize, wait_ms: u64) -> Receive {
    Receive {
        queues: queues.iter().map(|queue| Arc::from(*queue)).collect(),
        lanes: Lane::ALL,
        max,
        hide_ms: 10_000,
        wait_ms,
    }
}

pub(super) fn body(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.body).into_owned()
}

pub(super) fn new_batch(created_ms: u64, name: &str, callback: Option<Outgoing>) -> NewBatch {
    let id = BatchId::from_key("mail.send", name);
    NewBatch { id, name: name.to_owned(), task: "mail.send".to_owned(), created_ms, callback }
}

/// The verdicts of a parcel whose first `count` calls succeeded.
pub(super) fn succeeded(count: u32) -> Record {
    Record {
        done: Bitmap::full(count),
        tally: Tally { succeeded: u64::from(count), ..Tally::default() },
        ..Record::default()
    }
}
