//! Messages of a queue: workers are launched for their parcels.

use std::{sync::atomic::Ordering, time::Duration};

use crate::site::{Site, event, stay};

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

#[tokio::test]
async fn what_no_worker_takes_is_back_soon() {
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

#[tokio::test]
async fn a_backlog_that_waits_long_is_looked_at_less_often() {
    for (receives, hidden) in [(100, Duration::from_mins(1)), (101, Duration::from_mins(15))] {
        let site = Site::new();
        site.launches.rooms.store(0, Ordering::SeqCst);
        site.send("mail", 1, 1).await;
        let mut deliveries = site.receive("mail").await;
        deliveries[0].receives = receives;
        site.handle(&event("shop-mail", &deliveries)).await.unwrap();
        assert!(!site.is_visible_after("mail", hidden.saturating_sub(Duration::from_millis(1))).await, "{receives}");
        assert!(site.is_visible_after("mail", Duration::from_millis(1)).await, "{receives}");
    }
}

#[tokio::test]
async fn what_is_no_parcel_is_buried() {
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
