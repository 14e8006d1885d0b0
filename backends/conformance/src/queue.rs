//! Cases of the message queue.

use std::time::Duration;

use futures::future::join;

use super::{
    World, cases,
    world::{body, in_lane, outgoing, receive},
};
use celeriac_core::{
    Lane,
    ports::{Clock, Delivery, Outgoing, PortError, Receive, Settle},
};

cases!["queue":
    a_message_is_received_as_it_was_sent,
    a_received_message_is_hidden_and_then_delivered_again,
    a_deleted_message_never_returns,
    an_old_receipt_is_stale_and_changes_nothing,
    a_receipt_is_good_until_the_next_delivery,
    a_message_can_be_hidden_further_and_shown_at_once,
    a_message_is_not_received_before_it_is_due,
    a_message_may_be_due_in_a_year,
    a_buried_message_is_counted_and_never_received,
    queues_are_looked_at_in_the_order_of_the_request,
    an_interactive_message_comes_before_bulk_ones_that_were_sent_earlier,
    a_receive_of_one_lane_returns_no_message_of_the_other,
    a_message_stays_in_its_lane,
    no_more_is_received_than_asked_for,
    a_receive_waits_for_a_message_to_be_sent,
    a_receive_waits_for_a_message_to_become_due,
    a_receive_waits_no_longer_because_the_clock_is_set_back,
    a_receive_gives_up_when_its_time_is_over,
    every_message_goes_to_one_of_many_receivers,
    each_settlement_has_its_own_answer,
    depths_tell_ready_delayed_hidden_and_buried_apart,
    a_large_message_comes_back_whole,
];

fn unreadable(delivery: &Delivery) -> Settle {
    Settle::Bury { reason: "unreadable".to_owned(), body: delivery.body.clone() }
}

async fn a_message_is_received_as_it_was_sent(world: World) {
    let sent_ms = world.now_ms();
    world.send("mail", "hello", 0).await;
    world.advance_ms(5);
    let delivery = world.receive_one("mail").await;
    assert_eq!(body(&delivery), "hello");
    assert_eq!((delivery.queue.as_ref(), delivery.receives, delivery.sent_ms), ("mail", 1, sent_ms));
}

async fn a_received_message_is_hidden_and_then_delivered_again(world: World) {
    world.send("mail", "hello", 0).await;
    let first = world.receive_one("mail").await;
    world.advance_ms(9_999);
    assert!(world.bodies("mail").await.is_empty());
    world.advance_ms(1);
    let second = world.receive_one("mail").await;
    assert_eq!((body(&second).as_str(), second.receives), ("hello", 2));
    assert_ne!(first.receipt, second.receipt);
}

async fn a_deleted_message_never_returns(world: World) {
    world.send("mail", "hello", 0).await;
    let delivery = world.receive_one("mail").await;
    world.settle(&delivery, Settle::Delete).await.expect("the receipt is valid");
    world.advance_ms(100_000);
    assert!(world.bodies("mail").await.is_empty());
    assert_over(&world.settle(&delivery, Settle::Delete).await);
}

/// A deletion by a receipt that is no longer valid. Not every service says so.
fn assert_over(deleted: &Result<(), PortError>) {
    assert!(matches!(deleted, Ok(()) | Err(PortError::Stale)), "{deleted:?}");
}

async fn an_old_receipt_is_stale_and_changes_nothing(world: World) {
    world.send("mail", "hello", 0).await;
    let old = world.receive_one("mail").await;
    world.advance_ms(10_000);
    let new = world.receive_one("mail").await;
    assert_over(&world.settle(&old, Settle::Delete).await);
    for settle in [Settle::Hide { until_ms: world.now_ms() }, unreadable(&old)] {
        assert!(matches!(world.settle(&old, settle).await, Err(PortError::Stale)));
    }
    assert_eq!(world.depth("mail").await.in_flight, 1);
    world.settle(&new, Settle::Delete).await.expect("the newer receipt is valid");
}

async fn a_receipt_is_good_until_the_next_delivery(world: World) {
    world.send("mail", "hello", 0).await;
    let delivery = world.receive_one("mail").await;
    world.advance_ms(20_000);
    world.settle(&delivery, Settle::Delete).await.expect("there was no later delivery");
    assert!(world.bodies("mail").await.is_empty());
}

async fn a_message_can_be_hidden_further_and_shown_at_once(world: World) {
    world.send("mail", "hello", 0).await;
    let delivery = world.receive_one("mail").await;
    let until_ms = world.now_ms() + 60_000;
    world.settle(&delivery, Settle::Hide { until_ms }).await.expect("hide");
    world.advance_ms(59_999);
    assert!(world.bodies("mail").await.is_empty());
    world.settle(&delivery, Settle::Hide { until_ms: world.now_ms() }).await.expect("the receipt is still valid");
    assert_eq!(world.receive_one("mail").await.receives, 2);
}

async fn a_message_is_not_received_before_it_is_due(world: World) {
    world.send("mail", "later", world.now_ms() + 500).await;
    world.send("mail", "long ago", 1).await;
    assert_eq!(world.bodies("mail").await, ["long ago"]);
    world.advance_ms(499);
    assert!(world.bodies("mail").await.is_empty());
    world.advance_ms(1);
    assert_eq!(world.bodies("mail").await, ["later"]);
}

async fn a_message_may_be_due_in_a_year(world: World) {
    const YEAR_MS: u64 = 365 * 86_400_000;
    world.send("mail", "happy birthday", world.now_ms() + YEAR_MS).await;
    world.advance_ms(YEAR_MS - 1);
    assert!(world.bodies("mail").await.is_empty());
    world.advance_ms(1);
    assert_eq!(world.bodies("mail").await, ["happy birthday"]);
}

async fn a_buried_message_is_counted_and_never_received(world: World) {
    world.send("mail", "?", 0).await;
    let delivery = world.receive_one("mail").await;
    world.settle(&delivery, self::unreadable(&delivery)).await.expect("bury");
    world.advance_ms(100_000);
    assert!(world.bodies("mail").await.is_empty());
    assert_over(&world.settle(&delivery, Settle::Delete).await);
    assert_eq!(world.depth("mail").await.buried, 1);
}

async fn queues_are_looked_at_in_the_order_of_the_request(world: World) {
    world.send("bulk", "bulk", 0).await;
    world.advance_ms(1);
    world.send("urgent", "urgent", 0).await;
    world.send("other", "other", 0).await;
    let deliveries = world.ports.queue.receive(receive(&["urgent", "bulk"], 10, 0)).await.expect("receive");
    assert_eq!(deliveries.iter().map(body).collect::<Vec<_>>(), ["urgent", "bulk"]);
    assert_eq!(world.depth("other").await.ready, 1);
}

async fn no_more_is_received_than_asked_for(world: World) {
    let messages = (0..7).map(|k| outgoing("mail", &k.to_string(), 0)).collect();
    let sent = world.ports.queue.send(messages).await;
    assert_eq!(sent.iter().filter(|sent| sent.is_ok()).count(), 7);
    let received = [world.receive("mail", 3).await.len(), world.receive("mail", 3).await.len()];
    assert!(received.iter().all(|count| (1..=3).contains(count)), "{received:?}");
}

async fn a_receive_waits_for_a_message_to_be_sent(world: World) {
    let queue = world.ports.queue.clone();
    let received = queue.receive(receive(&["mail"], 10, 60_000));
    let sent = async {
        world.clock.sleep(Duration::from_millis(200)).await;
        world.send("mail", "hello", 0).await;
    };
    let (received, ()) = world.clock.drive(join(received, sent)).await;
    assert_eq!(received.expect("receive").len(), 1);
}

async fn a_receive_waits_for_a_message_to_become_due(world: World) {
    let due_ms = world.now_ms() + 1234;
    world.send("mail", "hello", due_ms).await;
    let received = world.ports.queue.receive(receive(&["mail"], 10, 60_000));
    assert_eq!(world.clock.drive(received).await.expect("receive").len(), 1);
    assert!((due_ms..due_ms + 100).contains(&world.now_ms()), "{} after it was due", world.now_ms() - due_ms);
}

async fn a_receive_gives_up_when_its_time_is_over(world: World) {
    let until_ms = world.now_ms() + 700;
    world.send("other", "hello", 0).await;
    let received = world.ports.queue.receive(receive(&["mail"], 10, 700));
    assert!(world.clock.drive(received).await.expect("receive").is_empty());
    assert!((until_ms..until_ms + 100).contains(&world.now_ms()));
}

async fn every_message_goes_to_one_of_many_receivers(world: World) {
    let messages = (0..60).map(|k| outgoing("mail", &format!("{k:02}"), 0)).collect();
    world.ports.queue.send(messages).await;
    let receivers = (0..30).map(|_| world.receive("mail", 3));
    let received = futures::future::join_all(receivers).await;
    let mut bodies: Vec<String> = received.iter().flatten().map(body).collect();
    bodies.sort();
    let all: Vec<String> = (0..60).map(|k| format!("{k:02}")).collect();
    assert!(bodies.iter().all(|body| all.contains(body)));
    bodies.extend(world.bodies("mail").await);
    bodies.sort();
    assert_eq!(bodies, all, "each once");
}

async fn a_receive_waits_no_longer_because_the_clock_is_set_back(world: World) {
    let began_us = world.clock.monotonic_us();
    let receiving = world.ports.queue.receive(receive(&["mail"], 10, 1_000));
    let set_back = async {
        world.clock.sleep(Duration::from_millis(100)).await;
        world.clock.set_back(Duration::from_hours(1));
    };
    let (received, ()) = world.clock.drive(join(receiving, set_back)).await;
    assert!(received.expect("receive").is_empty());
    let waited_ms = (world.clock.monotonic_us() - began_us) / 1000;
    assert!((1_000..1_100).contains(&waited_ms), "waited for {waited_ms} ms");
}

async fn each_settlement_has_its_own_answer(world: World) {
    world.send("mail", "a", 0).await;
    world.send("mail", "b", 0).await;
    let [a, b] = world.receive("mail", 10).await.try_into().expect("two messages");
    world.settle(&a, Settle::Delete).await.expect("the receipt is valid");
    let until_ms = world.now_ms() + 60_000;
    let settled = world.ports.queue.settle(vec![a.hidden(until_ms), b.hidden(until_ms)]).await;
    assert!(matches!(settled[..], [Err(PortError::Stale), Ok(())]), "{settled:?}");
}

async fn depths_tell_ready_delayed_hidden_and_buried_apart(world: World) {
    world.send("mail", "hidden", 0).await;
    world.receive_one("mail").await;
    world.send("mail", "?", 0).await;
    let unreadable = world.receive_one("mail").await;
    world.settle(&unreadable, self::unreadable(&unreadable)).await.expect("bury");
    world.send("mail", "later", world.now_ms() + 1_000).await;
    world.advance_ms(10);
    let oldest_ms = world.now_ms();
    world.send("mail", "ready", 0).await;
    world.advance_ms(10);
    world.send("mail", "ready too", 0).await;
    let depth = world.depth("mail").await;
    assert_eq!((depth.ready, depth.delayed, depth.in_flight, depth.buried), (2, 1, 1, 1));
    // A service may not report it, but it never reports anything else.
    assert!(depth.oldest_ms.is_none_or(|found_ms| found_ms == oldest_ms), "{depth:?}");
}

async fn a_large_message_comes_back_whole(world: World) {
    let bytes = world.ports.profile.message_bytes;
    let text: String = ('a'..='z').cycle().take(bytes).collect();
    world.send("mail", &text, 0).await;
    assert_eq!(body(&world.receive_one("mail").await), text);
}

/// Sends a backlog of bulk messages, and then an interactive one.
async fn send_behind_a_backlog(world: &World) {
    let mut messages: Vec<_> = (0..30).map(|n| in_lane(Lane::Bulk, &format!("bulk {n:02}"))).collect();
    messages.push(in_lane(Lane::Interactive, "lone"));
    for message in messages {
        world.send_message(message).await;
        world.advance_ms(1);
    }
}

async fn an_interactive_message_comes_before_bulk_ones_that_were_sent_earlier(world: World) {
    if world.lanes_are_together() {
        return;
    }
    send_behind_a_backlog(&world).await;
    assert_eq!(body(&world.receive("mail", 1).await[0]), "lone");
    assert_eq!(
        body(&world.receive("mail", 1).await[0]),
        "bulk 00",
        "the other lane is looked at when the first is empty"
    );
    // All queues of the first lane come before any of the second.
    world.send_message(Outgoing { queue: "post".into(), ..in_lane(Lane::Interactive, "lone") }).await;
    let request = receive(&["mail", "post"], 1, 0);
    let received = world.ports.queue.receive(request).await.expect("receive");
    assert_eq!(body(&received[0]), "lone");
}

/// So endless interactive load takes nothing from the bulk lane, and a long backlog nothing from the interactive one.
async fn a_receive_of_one_lane_returns_no_message_of_the_other(world: World) {
    if world.lanes_are_together() {
        return;
    }
    send_behind_a_backlog(&world).await;
    let bulk = Receive { lanes: &[Lane::Bulk], ..receive(&["mail"], 100, 0) };
    let interactive = Receive { lanes: &[Lane::Interactive], ..receive(&["mail"], 100, 0) };
    let lone = world.ports.queue.receive(interactive.clone()).await.expect("receive");
    assert_eq!(lone.iter().map(body).collect::<Vec<_>>(), ["lone"]);
    assert!(world.ports.queue.receive(interactive.clone()).await.expect("receive").is_empty());
    world.send_message(in_lane(Lane::Interactive, "another")).await;
    let backlog = world.ports.queue.receive(bulk.clone()).await.expect("receive");
    assert_eq!(backlog.len(), 30);
    assert!(backlog.iter().all(|delivery| body(delivery).starts_with("bulk")));
    assert!(world.ports.queue.receive(bulk).await.expect("receive").is_empty());
    assert_eq!(world.ports.queue.receive(interactive).await.expect("receive").len(), 1);
}

async fn a_message_stays_in_its_lane(world: World) {
    if world.lanes_are_together() {
        return;
    }
    for lane in Lane::ALL {
        let request = |lane: &'static Lane| Receive { lanes: std::slice::from_ref(lane), ..receive(&["mail"], 10, 0) };
        world.send_message(in_lane(*lane, "hello")).await;
        let first = world.ports.queue.receive(request(lane)).await.expect("receive").remove(0);
        world.settle(&first, Settle::Hide { until_ms: world.now_ms() + 5 }).await.expect("the receipt is valid");
        world.advance_ms(5);
        for other in Lane::ALL.iter().filter(|other| *other != lane) {
            assert!(world.ports.queue.receive(request(other)).await.expect("receive").is_empty());
        }
        let again = world.ports.queue.receive(request(lane)).await.expect("receive").remove(0);
        world.settle(&again, Settle::Delete).await.expect("the receipt is valid");
    }
}
