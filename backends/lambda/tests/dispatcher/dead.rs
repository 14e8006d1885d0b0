//! Tests dead-letter queues: parcels that have only waited are sent again, the others become dead letters.

use std::{sync::Arc, time::Duration};

use celeriac_core::{
    client::Client,
    id::TaskId,
    ports::{
        ChildPlan, Claim, DeadLetters, Delivery, PortError, Ports, Reason, Removal, Seal, layers::DeadLettersLayer,
    },
    wire,
};
use futures::{
    FutureExt as _,
    future::{BoxFuture, join, ready},
};
use serde_json::{Value, json};

use crate::site::{KEPT, Site, event, has_credentials, record, stay};

const LEASE: Duration = Duration::from_mins(15);

/// Dead letters that cannot be removed.
struct Stuck(Arc<dyn DeadLetters>);

impl DeadLettersLayer for Stuck {
    fn inner(&self) -> &dyn DeadLetters {
        &*self.0
    }

    fn remove(&self, _: Vec<(TaskId, u64)>, _: Removal) -> BoxFuture<'_, Result<u64, PortError>> {
        ready(Err(PortError::Unavailable { what: "its sender died".to_owned(), source: None })).boxed()
    }
}

/// The event of a message with these attributes.
fn saying(delivery: &Delivery, attributes: &[(&str, &str)]) -> Value {
    let mut record = record("shop-mail-dead", 0, delivery);
    for (name, text) in attributes {
        record["messageAttributes"][name] =
            json!({ "stringValue": text, "stringListValues": [], "binaryListValues": [], "dataType": "String" });
    }
    json!({ "Records": [record] })
}

#[tokio::test]
async fn the_calls_of_a_parcel_that_workers_died_with_become_dead_letters() {
    let site = Site::new();
    let parcel = site.send("mail-dead", 1, 2).await;
    for worker in ["worker-17", "worker-18"] {
        assert!(matches!(site.claim(parcel, 1, 2, worker).await, Claim::Claimed(_)));
        site.clock.advance(LEASE);
    }
    let deliveries = site.receive("mail-dead").await;
    let answer = site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap();
    assert_eq!(answer, stay(&[]), "the mapping deletes it");
    let dead = site.dead().await;
    assert_eq!(
        dead.iter().map(|letter| (letter.reason, letter.attempts)).collect::<Vec<_>>(),
        [(Reason::Failed, 0); 2]
    );
    assert_eq!((&*dead[0].queue, &*dead[0].task), ("mail", "mail.send"));
    let message =
        "its message was received as often as its queue allows without being finished, and workers died with it";
    assert!(dead[0].message.starts_with(message), "{}", dead[0].message);
    let batch = site.ports.batches.get(dead[0].id.batch).await.unwrap().unwrap();
    assert_eq!(batch.tally.failed, 2);
    // Delivered again, it is found finished.
    let again = site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap();
    assert_eq!((again, site.dead().await.len()), (stay(&[]), 2));
    assert!(site.receive("mail").await.is_empty());
}

#[tokio::test]
async fn parcels_that_only_waited_are_sent_again() {
    for claimed in [false, true] {
        let site = Site::new();
        let parcel = site.send("mail-dead", 1, 2).await;
        if claimed {
            assert!(matches!(site.claim(parcel, 1, 2, "worker-17").await, Claim::Claimed(_)));
            site.clock.advance(LEASE);
        }
        let deliveries = site.receive("mail-dead").await;
        let answer = site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap();
        assert_eq!(answer, stay(&[]), "the mapping deletes it");
        assert!(site.dead().await.is_empty());
        let again = site.receive("mail").await;
        assert_eq!((again.len(), again[0].receives, &again[0].body), (1, 1, &deliveries[0].body));
        match site.claim(parcel, 1, 2, "worker-18").await {
            Claim::Claimed(found) => assert_eq!(found.losses, u32::from(claimed), "the drain claims nothing"),
            other => panic!("{other:?}"),
        }
    }
}

/// A deploy may take longer than a message may be received, and an older program has buried such messages.
#[tokio::test]
async fn a_parcel_of_a_newer_version_is_sent_again() {
    let site = Site::new();
    site.send("mail-dead", 1, 2).await;
    let mut body = site.receive("mail-dead").await.remove(0).body.to_vec();
    body[0] = 2;
    let site = Site::new();
    site.send_bytes("mail-dead", body.into()).await;
    let deliveries = site.receive("mail-dead").await;
    let event = saying(&deliveries[0], &[("reason", "a parcel of format version 2; ..")]);
    assert_eq!(site.handle(&event).await.unwrap(), stay(&[]), "the mapping deletes it");
    assert!(site.dead().await.is_empty());
    let again = site.receive("mail").await;
    assert_eq!((again.len(), &again[0].body), (1, &deliveries[0].body));
}

/// Lambda may hand several events at a time to one process.
#[tokio::test]
async fn two_events_at_once_are_answered_each_for_its_own_messages() {
    let site = Site::new();
    let held = site.send("mail-dead", 1, 2).await;
    let _ = site.send("mail-dead", 2, 2).await;
    let _ = site.send("mail-dead", 3, 2).await;
    assert!(matches!(site.claim(held, 1, 2, "worker-17").await, Claim::Claimed(_)));
    let deliveries = site.receive("mail-dead").await;
    let (one, other) = (event("shop-mail-dead", &deliveries[..2]), event("shop-mail-dead", &deliveries[2..]));
    let (one, other) = join(site.handle(&one), site.handle(&other)).await;
    assert_eq!((one.unwrap(), other.unwrap()), (stay(&["message-0"]), stay(&[])));
    assert_eq!(site.receive("mail").await.len(), 2, "sent again");
    let depths = site.ports.queue.depths().await.unwrap();
    let depth = depths.iter().find(|depth| &*depth.queue == "mail-dead").unwrap();
    assert_eq!(depth.in_flight, 3, "their mapping deletes them, and nobody else");
}

/// Such a parcel is received by a program that never runs it.
#[tokio::test]
async fn a_parcel_that_was_sent_again_five_times_is_ended_with_what_to_do() {
    let site = Site::new();
    site.send("mail-dead", 1, 2).await;
    for _ in 0..5 {
        let deliveries = site.receive("mail-dead").await;
        assert_eq!(site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap(), stay(&[]));
        assert!(site.dead().await.is_empty());
        site.send_bytes("mail-dead", site.receive("mail").await.remove(0).body).await;
    }
    let deliveries = site.receive("mail-dead").await;
    assert_eq!(site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap(), stay(&[]));
    let dead = site.dead().await;
    assert_eq!(dead.len(), 2);
    let message = &dead[0].message;
    assert!(message.starts_with("no worker ever began it: its message was received as often"), "{message}");
    assert!(message.contains("sent again 5 times") && message.ends_with("then retry this dead letter"), "{message}");
    assert_eq!(site.ports.batches.get(dead[0].id.batch).await.unwrap().unwrap().tally.failed, 2, "its batch ends");
}

/// The sender of a dead letter sends first and removes second, and may die in between.
#[tokio::test]
async fn the_letter_of_a_call_that_was_sent_again_is_removed_though_its_sender_died_before() {
    let site = Site::new();
    let parcel = site.send("mail-dead", 1, 1).await;
    for worker in ["worker-17", "worker-18"] {
        assert!(matches!(site.claim(parcel, 1, 1, worker).await, Claim::Claimed(_)));
        site.clock.advance(LEASE);
    }
    let deliveries = site.receive("mail-dead").await;
    site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap();
    let letters = site.dead().await;
    let dead_letters = Arc::new(Stuck(Arc::clone(&site.ports.dead_letters)));
    let sender = Client::new(Ports { dead_letters, ..site.ports.clone() });
    assert_eq!(sender.retry_dead(&letters).await.unwrap_err().to_string(), "its sender died");

    // No worker has capacity for it: it is received as often as its queue allows, and buried.
    let sent = site.receive("mail").await.remove(0);
    site.send_bytes("mail-dead", sent.body.clone()).await;
    assert_eq!(site.dead().await, letters);
    let deliveries = site.receive("mail-dead").await;
    assert_eq!(site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap(), stay(&[]));
    assert_eq!(site.dead().await, [], "its call is not dead");
    assert_eq!(site.receive("mail").await.remove(0).body, sent.body, "but on its way");
    let batch = site.ports.batches.get(letters[0].id.batch).await.unwrap().unwrap();
    assert_eq!(batch.tally.failed, 0);
}

#[tokio::test]
async fn parcels_that_waited_too_long_become_dead_letters() {
    for (attributes, message) in [
        (&[][..], "no worker took it before it was too old to run: "),
        (&[("ERROR_MESSAGE", "no such role")], "EventBridge Scheduler could not send its message: no such role; "),
    ] {
        let site = Site::new();
        site.send("mail-dead", 1, 1).await;
        site.clock.advance(KEPT);
        let delivery = site.receive("mail-dead").await.remove(0);
        assert_eq!(site.handle(&saying(&delivery, attributes)).await.unwrap(), stay(&[]));
        let dead = site.dead().await;
        assert!(dead[0].message.starts_with(message), "{}", dead[0].message);
        assert!(site.receive("mail").await.is_empty());
    }
}

#[tokio::test]
async fn an_unsent_message_of_scheduler_is_sent_to_its_queue() {
    let site = Site::new();
    site.send("mail-dead", 1, 1).await;
    let delivery = site.receive("mail-dead").await.remove(0);
    let said = [("ERROR_CODE", "AccessDenied"), ("ERROR_MESSAGE", "no such role")];
    assert_eq!(site.handle(&saying(&delivery, &said)).await.unwrap(), stay(&[]));
    assert!(site.dead().await.is_empty());
    assert_eq!(site.receive("mail").await.remove(0).body, delivery.body);
}

#[tokio::test]
async fn the_calls_of_a_parcel_that_the_bucket_has_lost_become_dead_letters() {
    if !has_credentials("dead::the_calls_of_a_parcel_that_the_bucket_has_lost_become_dead_letters") {
        return;
    }
    let site = Site::with_empty_bucket().await;
    let whole = site.parcel(1, 2).await;
    let parcel = wire::Header::peek(&whole).unwrap().id;
    site.send_bytes("mail-dead", wire::stub(&whole).unwrap()).await;
    let deliveries = site.receive("mail-dead").await;
    assert_eq!(site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap(), stay(&[]));
    let dead = site.dead().await;
    assert_eq!(
        dead.iter().map(|letter| (letter.id.index, &*letter.args)).collect::<Vec<_>>(),
        [(0, &b"\xc0"[..]), (1, b"\xc0")]
    );
    let message = format!(
        "its arguments are lost: parcel {parcel} of task `mail.send` is not where it was put: S3 bucket `shop-parcels` "
    );
    assert!(dead[0].message.starts_with(&message), "{}", dead[0].message);
}

#[tokio::test]
async fn a_lost_child_stays_since_its_calls_are_unknown() {
    if !has_credentials("dead::a_lost_child_stays_since_its_calls_are_unknown") {
        return;
    }
    let site = Site::with_empty_bucket().await;
    let parent = celeriac_core::parcel::Parcel::open(&site.parcel(1, 3).await).unwrap();
    let plan = ChildPlan { calls: [0, 2].into_iter().collect(), attempt: 2, due_ms: 0 };
    let child = parent.children(&Seal { children: vec![plan] }).remove(0);
    site.send_bytes("mail-dead", wire::stub(&child.body).unwrap()).await;
    let deliveries = site.receive("mail-dead").await;
    assert_eq!(site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap(), stay(&["message-0"]));
    assert!(site.dead().await.is_empty());
    // Hidden like an unreadable message. If its object might only be late, it would return in five minutes.
    assert!(!site.is_visible_after("mail-dead", Duration::from_secs(11 * 3600 - 1)).await);
    assert!(site.is_visible_after("mail-dead", Duration::from_secs(1)).await);
}

#[tokio::test]
async fn why_a_parcel_was_buried_stands_in_its_dead_letters() {
    let site = Site::new();
    site.send("mail-dead", 1, 1).await;
    let delivery = site.receive("mail-dead").await.remove(0);
    site.handle(&saying(&delivery, &[("reason", "a newer version wrote it")])).await.unwrap();
    assert_eq!(site.dead().await[0].message, "its message was put aside: a newer version wrote it");
}

#[tokio::test]
async fn unreadable_messages_stay_hidden() {
    let site = Site::new();
    site.send_bytes("mail-dead", "order 4711, please".into()).await;
    let tick = r#"{"celeriac":"tick","task":"no.such","due":"2026-11-24T03:00:00Z"}"#;
    site.send_bytes("mail-dead", tick.into()).await;
    let deliveries = site.receive("mail-dead").await;
    let answer = site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap();
    assert_eq!(answer, stay(&["message-0", "message-1"]));
    assert!(site.dead().await.is_empty());
    assert!(!site.is_visible_after("mail-dead", Duration::from_secs(11 * 3600 - 1)).await);
    assert!(site.is_visible_after("mail-dead", Duration::from_secs(1)).await);
}

#[tokio::test]
async fn a_parcel_that_is_still_running_comes_again() {
    let site = Site::new();
    let parcel = site.send("mail-dead", 1, 1).await;
    let deliveries = site.receive("mail-dead").await;
    assert!(matches!(site.claim(parcel, 1, 1, "worker-17").await, Claim::Claimed(_)));
    let answer = site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap();
    assert_eq!(answer, stay(&["message-0"]));
    assert!(site.dead().await.is_empty());
    // Until its lease ends.
    assert!(!site.is_visible_after("mail-dead", LEASE.saturating_sub(Duration::from_secs(1))).await);
    assert!(site.is_visible_after("mail-dead", Duration::from_secs(1)).await);
}
