//! Tests reports of dead workers, as Lambda writes them to the destination of failed invocations.

use std::time::Duration;

use celeriac_aws::{Attempt, Payload, holder};
use celeriac_core::ports::{Claim, Delivery, Receipt};
use serde_json::{Value, json};

use crate::site::{START_MS, Site, event, stay};

const REQUEST: &str = "e4b46cbf-b738-4b9c-8880-a18cdf61200e";

/// The report of an invocation that had these deliveries.
fn report(condition: &str, payload: &Value) -> Value {
    let mut report = json!({
        "version": "1.0",
        "timestamp": "2026-11-24T18:16:05.568Z",
        "requestContext": {
            "requestId": REQUEST,
            "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:shop-worker:$LATEST",
            "condition": condition,
            "approximateInvokeCount": 1,
        },
        "requestPayload": payload,
    });
    if condition == "RetriesExhausted" {
        report["responseContext"] =
            json!({ "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" });
        report["responsePayload"] = json!({
            "errorType": "Runtime.ExitError",
            "errorMessage": "RequestId: e4b46cbf Error: Runtime exited with error: signal: killed",
        });
    }
    report
}

/// The event of such a message.
fn reported(report: &Value) -> Value {
    let delivery = Delivery {
        queue: "failures".into(),
        body: report.to_string().into(),
        receipt: Receipt("AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a".into()),
        receives: 1,
        sent_ms: START_MS,
    };
    event("shop-failures", &[delivery])
}

fn payload(deliveries: &[Delivery]) -> Value {
    let payload = Payload { deliveries: deliveries.to_vec(), minute: Some(28_333_349), shard: 3, probe: false };
    serde_json::from_slice(&payload.encode()).unwrap()
}

fn worker(request: &str) -> std::sync::Arc<str> {
    holder("shop-worker", "2026/11/24/[$LATEST]77aa", request)
}

#[tokio::test]
async fn parcels_of_a_dead_worker_continue_at_once_and_carefully() {
    let site = Site::new();
    let parcel = site.send("mail", 1, 2).await;
    let deliveries = site.receive("mail").await;
    site.claim(parcel, 1, 2, &worker(REQUEST)).await;
    let answer = site.handle(&reported(&report("RetriesExhausted", &payload(&deliveries)))).await.unwrap();
    assert_eq!(answer, stay(&[]), "the report is done with");
    assert_eq!(*site.launches.released.lock().unwrap(), [(28_333_349, 3)]);
    let again = site.receive("mail").await;
    assert_eq!((again.len(), again[0].receives), (1, 2), "its message is shown");
    match site.claim(parcel, 1, 2, &worker("another")).await {
        Claim::Claimed(claimed) => assert_eq!((claimed.epoch, claimed.losses), (2, 1)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn parcels_held_by_others_are_left_alone() {
    let site = Site::new();
    let parcel = site.send("mail", 1, 2).await;
    let deliveries = site.receive("mail").await;
    site.claim(parcel, 1, 2, &worker("another")).await;
    site.handle(&reported(&report("RetriesExhausted", &payload(&deliveries)))).await.unwrap();
    assert!(site.receive("mail").await.is_empty());
    assert!(matches!(site.claim(parcel, 1, 2, &worker("third")).await, Claim::Busy { .. }));
}

#[tokio::test]
async fn messages_of_an_invocation_that_claimed_nothing_are_shown_later_each_time() {
    for condition in ["EventAgeExceeded", "RetriesExhausted"] {
        let site = Site::new();
        site.send("mail", 1, 2).await;
        for (receives, pause_s) in [(1, 1), (2, 2), (3, 4), (11, 900), (900, 900)] {
            let mut deliveries = site.receive("mail").await;
            deliveries[0].receives = receives;
            site.handle(&reported(&report(condition, &payload(&deliveries)))).await.unwrap();
            assert!(!site.is_visible_after("mail", Duration::from_millis(pause_s * 1000 - 1)).await, "{receives}");
            assert!(site.is_visible_after("mail", Duration::from_millis(1)).await, "{receives}");
        }
        let failures = site.items.failures.lock().unwrap();
        assert_eq!(*failures, vec![("shop-worker".to_owned(), Attempt::Usual); 5], "each is counted");
    }
}

#[tokio::test]
async fn a_probe_that_claimed_nothing_is_reported_as_one() {
    let site = Site::new();
    site.send("mail", 1, 2).await;
    let mut payload = payload(&site.receive("mail").await);
    payload["probe"] = true.into();
    site.handle(&reported(&report("RetriesExhausted", &payload))).await.unwrap();
    assert_eq!(*site.items.failures.lock().unwrap(), [("shop-worker".to_owned(), Attempt::Probe)]);
}

#[tokio::test]
async fn a_worker_that_died_with_its_claim_does_not_count_as_one_that_never_began() {
    let site = Site::new();
    let parcel = site.send("mail", 1, 2).await;
    let deliveries = site.receive("mail").await;
    site.claim(parcel, 1, 2, &worker(REQUEST)).await;
    site.handle(&reported(&report("RetriesExhausted", &payload(&deliveries)))).await.unwrap();
    assert_eq!(*site.items.failures.lock().unwrap(), []);
}

#[tokio::test]
async fn a_report_about_nothing_of_ours_is_done_with() {
    let site = Site::new();
    let foreign = report("RetriesExhausted", &json!({ "key": "value" }));
    for report in [foreign, json!("hello")] {
        assert_eq!(site.handle(&reported(&report)).await.unwrap(), stay(&[]));
    }
    assert!(!site.is_visible_after("mail", Duration::ZERO).await);
}
