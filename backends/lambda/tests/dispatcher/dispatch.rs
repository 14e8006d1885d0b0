//! Tests messages of a queue: workers are launched for their parcels.

use std::{sync::atomic::Ordering, time::Duration};

use celeriac_core::ports::{Clock as _, Reason};

use crate::site::{KEPT, START_MS, Site, event, stay};

#[tokio::test]
async fn workers_are_launched_and_messages_stay_hidden_for_a_lease() {
    let site = Site::new();
    site.send("mail", 1, 3).await;
    site.send("mail", 2, 1).await;
    let deliveries = site.receive("mail").await;
    let answer = site.handle(&event("shop-mail", &deliveries)).await.unwrap();
    assert_eq!(answer, stay(&["message-0", "message-1"]));
    let invocations = std::mem::take(&mut *site.launches.invocations.lock().unwrap());
    assert_eq!(invocations.len(), 2, "there is room for each");
    let launched = &invocations[0].deliveries[0];
    assert_eq!((&*launched.queue, &launched.body, launched.receives), ("mail", &deliveries[0].body, 1));
    assert_eq!(site.launches.given_back.load(Ordering::SeqCst), 1);
    // The mapping's queue hides for half a minute, the lease is a whole one.
    assert!(!site.is_visible_after("mail", Duration::from_secs(29)).await);
    let lease = Duration::from_millis(site.ports.profile.lease_ms);
    assert!(site.is_visible_after("mail", lease.saturating_sub(Duration::from_secs(28))).await);
}

/// SQS deletes a message 14 days after it was first sent.
#[tokio::test]
async fn a_message_that_sqs_deletes_in_two_days_is_sent_anew() {
    let site = Site::new();
    site.send("mail", 1, 3).await;
    site.clock.advance(Duration::from_hours(12 * 24));
    let deliveries = site.receive("mail").await;
    assert_eq!(site.handle(&event("shop-mail", &deliveries)).await.unwrap(), stay(&["message-0"]));
    assert!(site.launches.invocations.lock().unwrap().is_empty(), "the new message is received at once");
    let anew = site.receive("mail").await;
    assert_eq!((anew.len(), &anew[0].body, anew[0].receives), (1, &deliveries[0].body, 1));
    assert_eq!(anew[0].sent_ms, deliveries[0].sent_ms + 12 * 86_400_000);
    site.handle(&event("shop-mail", &anew)).await.unwrap();
    assert_eq!(site.launches.invocations.lock().unwrap().len(), 1);
}

/// A worker would end it too, but there may be none that begins.
#[tokio::test]
async fn a_parcel_that_is_too_old_to_run_is_ended_without_a_worker() {
    let site = Site::new();
    site.send("mail", 1, 3).await;
    site.clock.advance(KEPT + Duration::from_millis(1));
    let deliveries = site.receive("mail").await;
    site.handle(&event("shop-mail", &deliveries)).await.unwrap();
    assert!(site.launches.invocations.lock().unwrap().is_empty());
    let dead = site.dead().await;
    assert_eq!(dead.iter().map(|letter| letter.reason).collect::<Vec<_>>(), [Reason::Expired; 3]);
    let message = &dead[0].message;
    assert!(message.starts_with("no worker ran it before it was too old, 14 days after it was due: "), "{message}");
    assert!(message.ends_with("then retry this dead letter"), "{message}");
    assert_eq!(site.ports.batches.get(dead[0].id.batch).await.unwrap().unwrap().tally.expired, 3, "its batch ends");
    assert!(site.receive("mail").await.is_empty());
}

#[tokio::test]
async fn refused_messages_return_soon() {
    for (rooms, throttled) in [(0, false), (usize::MAX, false), (100, true)] {
        let site = Site::new();
        site.launches.rooms.store(rooms, Ordering::SeqCst);
        *site.launches.throttled.lock().unwrap() = throttled;
        site.send("mail", 1, 1).await;
        let deliveries = site.receive("mail").await;
        let answer = site.handle(&event("shop-mail", &deliveries)).await.unwrap();
        assert_eq!(answer, stay(&["message-0"]));
        assert!(site.launches.invocations.lock().unwrap().is_empty(), "{rooms} {throttled}");
        assert!(!site.is_visible_after("mail", Duration::from_millis(999)).await);
        assert!(site.is_visible_after("mail", Duration::from_millis(1)).await, "{rooms} {throttled}");
    }
}

/// With a hundred workers and parcels of a second, a backlog of 5,391 parcels took 487 s instead of 50 when each refusal
/// hid them for longer (`benches/scale`).
#[tokio::test]
async fn messages_without_capacity_are_kept_until_a_worker_is_free() {
    let site = Site::new();
    site.launches.refusals.store(12, Ordering::SeqCst);
    site.launches.rooms.store(1, Ordering::SeqCst);
    for batch in 0..3 {
        site.send("mail", batch, 2000).await;
    }
    let deliveries = site.receive("mail").await;
    let began_ms = site.clock.now_ms();
    site.handle(&event("shop-mail", &deliveries)).await.unwrap();
    let kept_ms = site.clock.now_ms() - began_ms;
    assert!((300..=16_000).contains(&kept_ms), "it was looked twelve times: {kept_ms} ms");
    let launched: usize = site.launches.invocations.lock().unwrap().iter().map(|of| of.deliveries.len()).sum();
    assert_eq!(launched, 3, "nothing went back to the queue");
}

#[tokio::test]
async fn waiting_for_room_ends_ten_seconds_before_the_function_does() {
    let site = Site::new();
    site.launches.rooms.store(0, Ordering::SeqCst);
    site.send("mail", 1, 1).await;
    let deliveries = site.receive("mail").await;
    let began_ms = site.clock.now_ms();
    site.handle_within(Duration::from_secs(15), &event("shop-mail", &deliveries)).await.unwrap();
    let kept_ms = site.clock.now_ms() - began_ms;
    assert!((5_000..=5_500).contains(&kept_ms), "{kept_ms} ms");
}

#[tokio::test]
async fn waiting_for_room_ends_after_twenty_seconds() {
    let site = Site::new();
    site.launches.rooms.store(0, Ordering::SeqCst);
    site.send("mail", 1, 1).await;
    let deliveries = site.receive("mail").await;
    let began_ms = site.clock.now_ms();
    site.handle(&event("shop-mail", &deliveries)).await.unwrap();
    let kept_ms = site.clock.now_ms() - began_ms;
    assert!((19_000..=20_500).contains(&kept_ms), "{kept_ms} ms");
    assert!(site.launches.asked.load(Ordering::SeqCst) <= 45, "the longer it waits, the less often it looks");
}

#[tokio::test]
async fn a_backlog_that_waits_long_is_looked_at_less_often() {
    for (receives, hidden) in [(100, Duration::from_mins(1)), (101, Duration::from_mins(15))] {
        let site = Site::new();
        site.launches.rooms.store(0, Ordering::SeqCst);
        site.send("mail", 1, 1).await;
        let mut deliveries = site.receive("mail").await;
        deliveries[0].receives = receives;
        site.handle(&event("shop-mail", &deliveries)).await.unwrap();
        let kept = Duration::from_millis(site.clock.now_ms() - START_MS);
        assert_eq!(kept >= Duration::from_secs(19), receives == 100, "waiting for weeks is not billed: {kept:?}");
        assert!(!site.is_visible_after("mail", hidden.saturating_sub(Duration::from_millis(1))).await, "{receives}");
        assert!(site.is_visible_after("mail", Duration::from_millis(1)).await, "{receives}");
    }
}

#[tokio::test]
async fn a_message_that_is_no_parcel_is_buried() {
    let site = Site::new();
    site.send_bytes("mail", "order 4711, please".into()).await;
    let deliveries = site.receive("mail").await;
    let answer = site.handle(&event("shop-mail", &deliveries)).await.unwrap();
    assert_eq!(answer, stay(&["message-0"]), "it has been moved");
    let depths = site.ports.queue.depths().await.unwrap();
    assert_eq!((depths[0].buried, depths[0].ready + depths[0].in_flight), (1, 0));
}

#[tokio::test]
async fn an_event_without_messages_is_answered() {
    let site = Site::new();
    let answer = site.handle(&serde_json::json!({ "Records": [] })).await.unwrap();
    assert_eq!(answer, stay(&[]));
}
