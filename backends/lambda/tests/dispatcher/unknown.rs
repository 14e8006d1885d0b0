//! Tests events without messages: a sweep, and invalid events.

use std::time::Duration;

use celeriac_core::{
    id::BatchId,
    ports::{NewBatch, Outgoing},
};
use serde_json::{Value, json};

use crate::site::{START_MS, Site, event};

#[tokio::test]
async fn a_sweep_sends_what_batches_owe() {
    let site = Site::new();
    let id = BatchId::new(START_MS, 9);
    let callback = Outgoing::of("mail", "done", 0);
    let new =
        NewBatch { id, name: "empty".into(), task: "mail.send".into(), created_ms: START_MS, callback: Some(callback) };
    site.ports.batches.open(new).await.unwrap();
    // The process that closed it died before sending its callback, and has had enough time for it.
    assert!(site.ports.batches.close(id, START_MS).await.unwrap().is_some());
    site.clock.advance(Duration::from_hours(1));
    assert_eq!(site.handle(&json!({ "celeriac": "sweep" })).await.unwrap(), Value::Null);
    let sent = site.receive("mail").await;
    assert_eq!((sent.len(), &*sent[0].body), (1, &b"done"[..]));
    assert!(site.ports.ledger.owed().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_event_of_another_kind_is_refused_with_what_was_expected() {
    let site = Site::new();
    for event in [json!({ "celeriac": "dance" }), json!({ "source": "aws.events" }), json!([1])] {
        let error = site.handle(&event).await.unwrap_err();
        assert_eq!(error.kind(), "Celeriac.UnknownEvent");
        let expected = "this function is invoked with messages of the queues of stack `shop`, or with \
                        {\"celeriac\":\"sweep\"}; this event is neither: ";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[tokio::test]
async fn a_queue_of_another_stack_is_refused_by_name() {
    let site = Site::new();
    site.send("mail", 1, 1).await;
    let deliveries = site.receive("mail").await;
    let error = site.handle(&event("bakery-mail", &deliveries)).await.unwrap_err();
    assert_eq!(error.kind(), "Celeriac.UnknownQueue");
    assert_eq!(
        error.to_string(),
        "this function is mapped to SQS queue `bakery-mail`, which is none that it serves of stack `shop`: map `shop-..` \
         to it, or name another stack with CELERIAC_STORE"
    );
}
