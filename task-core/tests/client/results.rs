//! Tests the status of calls, and their results.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use celeriac_core::{
    bitmap::Bitmap,
    client::{CallStatus, Client, Handle},
    id::{BatchId, ParcelId, TaskId},
    ports::{ChildPlan, DeadLetter, Failure, Reason, Row, RowState, Seal},
    wire::encode_args,
};

use crate::{
    memory::{Memory, client},
    tasks::{bits, mail},
};

const FAR: u64 = 99_999_999_999_999;

struct Fixture {
    client: Client,
    memory: Arc<Memory>,
    batch: BatchId,
}

/// A batch whose root parcel has a row.
fn fixture() -> Fixture {
    let (client, memory) = client();
    Fixture { client, memory, batch: BatchId::from_key("mail.send", "x") }
}

impl Fixture {
    fn root(&self) -> ParcelId {
        ParcelId::root(self.batch, 0)
    }

    fn call(&self, index: u64) -> TaskId {
        self.batch.call(index)
    }

    fn row(&self, parcel: ParcelId, state: RowState, done: &[u32], lease_until_ms: u64) {
        let holder = "host:7".to_owned();
        let row = Row { parcel, state, epoch: 1, holder, lease_until_ms, first: 0, count: 9, done: bits(done) };
        self.memory.state().rows.insert(parcel, row);
    }

    fn fails(&self, index: u64, attempt: u32, at_ms: u64) {
        self.notes(index, attempt, at_ms, "error");
    }

    fn notes(&self, index: u64, attempt: u32, at_ms: u64, kind: &str) {
        let (kind, message, worker) = (kind.to_owned(), "no route".to_owned(), "host:7".to_owned());
        self.memory.state().history.push(Failure { index, attempt, at_ms, took_ms: 1, kind, message, worker });
    }

    async fn status(&self, index: u64) -> CallStatus {
        self.client.status(self.call(index)).await.unwrap()
    }
}

fn child(calls: &[u32], attempt: u32, due_ms: u64) -> ChildPlan {
    ChildPlan { calls: calls.iter().copied().collect::<Bitmap>(), attempt, due_ms }
}

fn letter(id: TaskId) -> DeadLetter {
    DeadLetter {
        id,
        counted: false,
        task: "mail.send".to_owned(),
        queue: "mail".to_owned(),
        args: Bytes::from_static(&[0x80]),
        reason: Reason::TimedOut,
        message: "over 30s".to_owned(),
        attempts: 4,
        died_ms: 5000,
    }
}

#[tokio::test]
async fn a_call_is_followed_from_parcel_to_parcel() {
    let f = fixture();
    assert_eq!(f.status(3).await, CallStatus::Queued);
    f.row(f.root(), RowState::Open, &[1], FAR);
    let worker = || "host:7".to_owned();
    assert_eq!(f.status(3).await, CallStatus::Running { attempt: 1, worker: worker(), lease_until_ms: FAR });
    assert_eq!(f.status(1).await, CallStatus::Succeeded);
    f.row(f.root(), RowState::Open, &[1], 5);
    assert_eq!(f.status(3).await, CallStatus::Stalled { attempt: 1, worker: worker(), lease_until_ms: 5 });

    let children = vec![child(&[0, 2], 1, 0), child(&[3, 5, 6], 2, 7000)];
    for state in [RowState::Sealed, RowState::Finished] {
        f.row(f.root(), state(Seal { children: children.clone() }), &[1, 4, 7, 8], 5);
        assert_eq!(f.status(5).await, CallStatus::Waiting { attempt: 2, due_ms: 7000 });
        assert_eq!(f.status(2).await, CallStatus::Waiting { attempt: 1, due_ms: 0 });
        assert_eq!(f.status(8).await, CallStatus::Succeeded);
    }
    // In the child, call 5 is at position 1.
    let second = f.root().child(1);
    f.row(second, RowState::Finished(Seal { children: vec![child(&[1], 3, 9000)] }), &[0, 2], 5);
    assert_eq!(f.status(6).await, CallStatus::Succeeded);
    assert_eq!(f.status(5).await, CallStatus::Waiting { attempt: 3, due_ms: 9000 });
    f.row(second.child(0), RowState::Open, &[], FAR);
    assert_eq!(f.status(5).await, CallStatus::Running { attempt: 3, worker: worker(), lease_until_ms: FAR });
    f.row(second.child(0), RowState::Finished(Seal::default()), &[0], 5);
    f.fails(5, 1, 10);
    f.fails(5, 2, 20);
    assert_eq!(f.status(5).await, CallStatus::Succeeded, "the third attempt did not fail");
}

#[tokio::test]
async fn a_dead_call_says_why_and_one_that_was_sent_again_is_found() {
    let f = fixture();
    f.row(f.root(), RowState::Finished(Seal::default()), &[0, 1], 5);
    f.fails(1, 1, 5000);
    f.memory.state().letters.push(letter(f.call(1)));
    let status = f.status(1).await;
    assert_eq!(status.to_string(), "timed out after 4 attempts: over 30s");
    assert!(status.is_dead() && status.is_final());
    assert_eq!(
        serde_json::to_string(&status).unwrap(),
        r#"{"state":"dead","reason":"timed_out","message":"over 30s","attempts":4,"died_ms":5000}"#
    );
    let letter = f.memory.state().letters.pop().unwrap();
    f.notes(1, 4, 5000, "retried");
    assert_eq!(f.status(1).await, CallStatus::Waiting { attempt: 1, due_ms: 0 });
    let revived = ParcelId::revived(f.call(1), 5000);
    f.row(revived, RowState::Open, &[], FAR);
    assert!(matches!(f.status(1).await, CallStatus::Running { attempt: 1, .. }));
    f.row(revived, RowState::Finished(Seal::default()), &[0], FAR);
    assert_eq!(f.status(1).await, CallStatus::Succeeded);
    f.memory.state().letters.push(DeadLetter { died_ms: 9000, ..letter });
    assert!(f.status(1).await.is_dead(), "it died again");
    f.memory.state().letters.clear();
    f.notes(1, 4, 9000, "dropped");
    assert_eq!(f.status(1).await, CallStatus::Dropped);
}

#[tokio::test(start_paused = true)]
async fn a_handle_gets_what_its_call_returned() {
    let (client, memory) = client();
    let handle: Handle<u32> = mail(&client, "ada").send().await.unwrap();
    let error = handle.get(Duration::from_secs(2)).await.unwrap_err().to_string();
    let id = handle.id();
    assert_eq!(error, format!("call {id} had not ended after 2s: it is queued, with no worker yet"));

    let mut value = Vec::new();
    encode_args(&17u32, &mut value).unwrap();
    let later = Arc::clone(&memory);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        later.state().results.insert(0, Bytes::from(value));
    });
    assert_eq!(handle.get(Duration::from_secs(2)).await.unwrap(), 17);
    assert_eq!(client.handle::<serde_json::Value>(id).get(Duration::ZERO).await.unwrap(), serde_json::json!(17));
    let error = client.handle::<String>(id).get(Duration::ZERO).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("the result of call {id} cannot be read as `alloc::string::String`: ")),
        "{error}"
    );
}

#[tokio::test]
async fn a_call_without_a_result_says_why() {
    let f = fixture();
    let id = f.call(1);
    f.row(f.root(), RowState::Finished(Seal::default()), &[0, 1], 5);
    f.client.handle::<()>(id).get(Duration::ZERO).await.unwrap();
    f.memory.state().letters.push(letter(id));
    let error = f.client.handle::<()>(id).get(Duration::from_hours(1)).await.unwrap_err().to_string();
    assert_eq!(error, format!("call {id} has no result: it timed out after 4 attempts: over 30s"));
}
