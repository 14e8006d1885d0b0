//! Cases of the combined steps, which are one write where a backend can and repeatable steps where it cannot: both end
//! the same.

use super::{
    LEASE_MS, World, cases,
    world::{body, outgoing, receive, succeeded},
};
use celeriac_core::{
    Lane,
    id::{BatchId, ParcelId},
    ports::{Accept, ChildPlan, Claim, Delivery, Outgoing, PortError, Ports, Receive, Seal, SendError, Settling},
    protocol,
};

cases!["atomic":
    accepting_sends_and_moves_the_mark,
    a_gap_is_refused_and_nothing_sent,
    accepting_again_sends_nothing_again,
    settling_records_sends_children_finishes_and_deletes,
    settling_in_steps_ends_the_same,
    children_are_received_in_their_lane,
    settling_sends_the_callback_that_its_batch_owes,
    settling_again_changes_nothing,
    a_lost_claim_settles_nothing,
    a_stale_receipt_does_not_keep_a_parcel_from_settling,
];

fn accept(batch: BatchId, from: u64, upto: u64, bodies: &[&str]) -> Accept {
    Accept { batch, from, upto, messages: bodies.iter().map(|body| outgoing("mail", body, 0)).collect() }
}

/// A claimed delivery of the parcel of ten calls from `first` on, and its settling, which moves two calls to a child.
async fn claimed(world: &World, batch: BatchId, first: u64) -> (Delivery, Settling) {
    world.send("mail", "parent", 0).await;
    let delivery = world.receive_one("mail").await;
    let epoch = world.claimed(world.request(batch, first)).await.epoch;
    let child = ChildPlan { calls: [8, 9].into_iter().collect(), attempt: 2, due_ms: world.now_ms() + 1000 };
    let settling = Settling {
        parcel: ParcelId::root(batch, first),
        epoch,
        record: succeeded(8),
        children: vec![outgoing("mail", "child", child.due_ms)],
        seal: Seal { children: vec![child] },
        queue: "mail".into(),
        receipt: delivery.receipt.clone(),
    };
    (delivery, settling)
}

/// The same settling without children.
fn last(settling: Settling) -> Settling {
    Settling { record: succeeded(10), children: vec![], seal: Seal::default(), ..settling }
}

async fn accepting_sends_and_moves_the_mark(world: World) {
    let batch = world.batch(0, None).await;
    protocol::accept(&world.ports, accept(batch, 0, 10, &["a", "b"])).await.expect("accept");
    protocol::accept(&world.ports, accept(batch, 10, 15, &["c"])).await.expect("accept");
    assert_eq!(world.record_of(batch).await.accepted, 15);
    assert_eq!(world.bodies("mail").await, ["a", "b", "c"]);
}

async fn a_gap_is_refused_and_nothing_sent(world: World) {
    let Some(atomic) = world.ports.atomic.clone() else { return };
    let batch = world.batch(10, None).await;
    let refused = atomic.accept(accept(batch, 11, 20, &["a"])).await;
    assert!(matches!(refused, Err(SendError::Rejected(PortError::Refused { .. }))), "{refused:?}");
    let refused = atomic.accept(accept(BatchId::new(1, 1), 0, 1, &["a"])).await;
    assert!(matches!(refused, Err(SendError::Rejected(PortError::Refused { .. }))), "{refused:?}");
    assert_eq!(world.record_of(batch).await.accepted, 10);
    assert!(world.bodies("mail").await.is_empty());
}

async fn accepting_again_sends_nothing_again(world: World) {
    let Some(atomic) = world.ports.atomic.clone() else { return };
    let batch = world.batch(0, None).await;
    for _ in 0..2 {
        atomic.accept(accept(batch, 0, 10, &["a"])).await.expect("accept");
    }
    assert_eq!(world.bodies("mail").await, ["a"]);
}

async fn settling_records_sends_children_finishes_and_deletes(world: World) {
    let ports = world.ports.clone();
    settle_with(&world, &ports).await;
}

async fn settling_in_steps_ends_the_same(world: World) {
    let steps = Ports { atomic: None, ..world.ports.clone() };
    settle_with(&world, &steps).await;
}

async fn settle_with(world: &World, ports: &Ports) {
    let batch = world.batch(10, None).await;
    let (_, settling) = claimed(world, batch, 0).await;
    protocol::settle(ports, settling).await.expect("settle");
    assert_eq!(world.claim(world.request(batch, 0)).await, Claim::Finished { owed: None });
    assert_eq!(world.record_of(batch).await.tally.succeeded, 8);
    let depth = world.depth("mail").await;
    assert_eq!((depth.ready, depth.delayed, depth.in_flight), (0, 1, 0), "the child waits for its time");
    world.advance_ms(1000);
    assert_eq!(world.bodies("mail").await, ["child"]);
}

async fn settling_sends_the_callback_that_its_batch_owes(world: World) {
    let batch = world.batch(10, Some(outgoing("mail", "all sent", 0))).await;
    world.ports.batches.close(batch, world.now_ms()).await.expect("close");
    let (_, settling) = claimed(&world, batch, 0).await;
    protocol::settle(&world.ports, last(settling)).await.expect("settle");
    assert_eq!(world.bodies("mail").await, ["all sent"]);
    assert_eq!(world.claim(world.request(batch, 0)).await, Claim::Finished { owed: None });
    world.advance_ms(10 * 60_000);
    assert!(world.ports.ledger.owed().await.expect("owed").is_empty());
}

async fn settling_again_changes_nothing(world: World) {
    let Some(atomic) = world.ports.atomic.clone() else { return };
    let batch = world.batch(10, None).await;
    let (_, settling) = claimed(&world, batch, 0).await;
    for _ in 0..2 {
        atomic.settle(settling.clone()).await.expect("settle");
    }
    assert_eq!(world.record_of(batch).await.tally.succeeded, 8);
    assert_eq!(world.depth("mail").await.delayed, 1);
}

async fn a_lost_claim_settles_nothing(world: World) {
    let batch = world.batch(10, None).await;
    let (_, settling) = claimed(&world, batch, 0).await;
    world.advance_ms(LEASE_MS);
    let next = world.claimed(world.request(batch, 0)).await;
    assert!(next.epoch > settling.epoch);
    assert!(matches!(protocol::settle(&world.ports, settling).await, Err(PortError::Fenced)));
    assert_eq!(world.record_of(batch).await.tally.ended(), 0);
    assert_eq!(world.bodies("mail").await, ["parent"], "its message is not deleted, and no child is sent");
}

async fn a_stale_receipt_does_not_keep_a_parcel_from_settling(world: World) {
    let batch = world.batch(10, None).await;
    let (_, settling) = claimed(&world, batch, 0).await;
    world.advance_ms(10_000);
    let again = world.receive_one("mail").await;
    protocol::settle(&world.ports, last(settling)).await.expect("settle");
    assert_eq!(world.claim(world.request(batch, 0)).await, Claim::Finished { owed: None });
    world.settle(&again, celeriac_core::ports::Settle::Delete).await.expect("the newer receipt is valid");
}

async fn children_are_received_in_their_lane(world: World) {
    if world.lanes_are_together() {
        return;
    }
    let batch = world.batch(40, None).await;
    for (first, lane) in [(0, Lane::Bulk), (10, Lane::Interactive)] {
        let (_, settling) = claimed(&world, batch, first).await;
        let children = settling.children.into_iter().map(|child| Outgoing { lane, ..child }).collect();
        protocol::settle(&world.ports, Settling { children, ..settling }).await.expect("settle");
        world.advance_ms(1000);
        for asked in Lane::ALL {
            let request = Receive { lanes: std::slice::from_ref(asked), ..receive(&["mail"], 10, 0) };
            let received = world.ports.queue.receive(request).await.expect("receive");
            assert_eq!(
                received.iter().map(body).collect::<Vec<_>>(),
                if *asked == lane { vec!["child"] } else { vec![] }
            );
        }
    }
}
