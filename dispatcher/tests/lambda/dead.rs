//! Dead-letter queues: their parcels become dead letters.

use std::time::Duration;

use serde_json::json;
use task_core::ports::{Claim, Reason};

use crate::site::{Site, event, record, stay};

#[tokio::test]
async fn the_calls_of_a_parcel_become_dead_letters() {
    let site = Site::new();
    site.send("mail-dead", 1, 2).await;
    let deliveries = site.receive("mail-dead").await;
    let answer = site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap();
    assert_eq!(answer, stay(&[]), "the mapping deletes it");
    let dead = site.dead().await;
    assert_eq!(
        dead.iter().map(|letter| (letter.reason, letter.attempts)).collect::<Vec<_>>(),
        [(Reason::Failed, 0); 2]
    );
    assert_eq!((&*dead[0].queue, &*dead[0].task), ("mail", "mail.send"));
    assert!(
        dead[0].message.starts_with("its message was received as often as its queue allows"),
        "{}",
        dead[0].message
    );
    let batch = site.ports.batches.get(dead[0].id.batch).await.unwrap().unwrap();
    assert_eq!(batch.tally.failed, 2);
    // Delivered again, it is found finished.
    let again = site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap();
    assert_eq!((again, site.dead().await.len()), (stay(&[]), 2));
}

#[tokio::test]
async fn why_a_parcel_was_buried_stands_in_its_dead_letters() {
    let site = Site::new();
    site.send("mail-dead", 1, 1).await;
    let delivery = site.receive("mail-dead").await.remove(0);
    let mut record = record("shop-mail-dead", 0, &delivery);
    record["messageAttributes"] = json!({ "reason": {
        "stringValue": "a newer version wrote it", "stringListValues": [], "binaryListValues": [], "dataType": "String",
    }});
    site.handle(&json!({ "Records": [record] })).await.unwrap();
    assert_eq!(site.dead().await[0].message, "its message was put aside: a newer version wrote it");
}

#[tokio::test]
async fn what_cannot_be_read_stays_out_of_sight() {
    let site = Site::new();
    site.send_bytes("mail-dead", "order 4711, please".into()).await;
    let tick = r#"{"celeriac":"tick","task":"no.such","due":"2026-11-24T03:00:00Z"}"#;
    site.send_bytes("mail-dead", tick.into()).await;
    let deliveries = site.receive("mail-dead").await;
    let answer = site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap();
    assert_eq!(answer, stay(&["message-0", "message-1"]));
    assert!(site.dead().await.is_empty());
    assert!(!site.is_visible_after("mail-dead", Duration::from_secs(12 * 3600 - 1)).await);
    assert!(site.is_visible_after("mail-dead", Duration::from_secs(1)).await);
}

#[tokio::test]
async fn what_somebody_still_runs_comes_again() {
    let site = Site::new();
    let parcel = site.send("mail-dead", 1, 1).await;
    let deliveries = site.receive("mail-dead").await;
    assert!(matches!(site.claim(parcel, 1, 1, "worker-17").await, Claim::Claimed(_)));
    let answer = site.handle(&event("shop-mail-dead", &deliveries)).await.unwrap();
    assert_eq!(answer, stay(&["message-0"]));
    assert!(site.dead().await.is_empty());
    // Until its lease ends.
    assert!(!site.is_visible_after("mail-dead", Duration::from_secs(899)).await);
    assert!(site.is_visible_after("mail-dead", Duration::from_secs(1)).await);
}
