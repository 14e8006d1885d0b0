//! Cases of the port to batch records.

use super::{
    World, cases,
    world::{new_batch, outgoing},
};
use celeriac_core::{
    id::BatchId,
    ports::{BatchRecord, PortError, Tally},
};

cases!["batches":
    a_batch_is_opened_once,
    the_mark_moves_without_gaps,
    a_closed_batch_takes_no_more_calls,
    closing_a_batch_whose_calls_have_ended_answers_its_callback,
    an_empty_batch_is_finished_when_it_is_closed,
    a_batch_that_is_not_there_is_refused,
    a_reinstated_batch_runs,
    the_newest_batches_come_first,
];

async fn a_batch_is_opened_once(world: World) {
    let batch = new_batch(world.now_ms(), "spring", None);
    let opened = world.ports.batches.open(batch.clone()).await.expect("open");
    let fresh = BatchRecord {
        id: batch.id,
        name: "spring".to_owned(),
        task: "mail.send".to_owned(),
        created_ms: world.now_ms(),
        accepted: 0,
        closed: false,
        revoked: false,
        tally: Tally::default(),
        finished_ms: None,
    };
    assert_eq!(opened, fresh);
    world.ports.batches.accepted(batch.id, 0, 7).await.expect("accepted");
    world.advance_ms(1000);
    let mut again = batch;
    again.created_ms = world.now_ms();
    "autumn".clone_into(&mut again.name);
    assert_eq!(world.ports.batches.open(again).await.expect("open"), BatchRecord { accepted: 7, ..fresh });
}

async fn the_mark_moves_without_gaps(world: World) {
    let batch = world.batch(10, None).await;
    let batches = &world.ports.batches;
    assert!(matches!(batches.accepted(batch, 11, 20).await, Err(PortError::Refused { .. })), "call 10 is missing");
    assert_eq!(world.record_of(batch).await.accepted, 10);
    batches.accepted(batch, 10, 20).await.expect("accepted");
    batches.accepted(batch, 0, 10).await.expect("remembering again changes nothing");
    assert_eq!(world.record_of(batch).await.accepted, 20);
}

async fn a_closed_batch_takes_no_more_calls(world: World) {
    let batch = world.batch(10, None).await;
    world.ports.batches.close(batch, world.now_ms()).await.expect("close");
    let more = world.ports.batches.accepted(batch, 10, 20).await;
    assert!(matches!(more, Err(PortError::Refused { .. })));
    let record = world.record_of(batch).await;
    assert_eq!((record.closed, record.accepted, record.finished_ms), (true, 10, None));
}

async fn closing_a_batch_whose_calls_have_ended_answers_its_callback(world: World) {
    let batch = world.batch(10, Some(outgoing("mail", "all sent", 0))).await;
    assert!(world.run_ten(batch, 0).await.is_none(), "its source may still have more");
    assert_eq!(world.record_of(batch).await.finished_ms, None);
    let owed = world.ports.batches.close(batch, world.now_ms()).await.expect("close").expect("owed");
    assert_eq!((owed.batch, owed.message.body.as_ref()), (batch, &b"all sent"[..]));
    assert_eq!(world.record_of(batch).await.finished_ms, Some(world.now_ms()));
}

async fn an_empty_batch_is_finished_when_it_is_closed(world: World) {
    let batch = world.batch(0, Some(outgoing("mail", "none sent", 0))).await;
    assert!(world.ports.batches.close(batch, world.now_ms()).await.expect("close").is_some());
    assert_eq!(world.record_of(batch).await.finished_ms, Some(world.now_ms()));
}

async fn a_batch_that_is_not_there_is_refused(world: World) {
    let (batches, nobody) = (&world.ports.batches, BatchId::new(1, 1));
    assert!(matches!(batches.accepted(nobody, 0, 1).await, Err(PortError::Refused { .. })));
    assert!(matches!(batches.close(nobody, 1).await, Err(PortError::Refused { .. })));
    assert!(!batches.revoke(nobody).await.expect("revoke"));
    assert!(!batches.reinstate(nobody).await.expect("reinstate"));
    assert_eq!(batches.get(nobody).await.expect("get"), None);
}

async fn a_reinstated_batch_runs(world: World) {
    let batch = world.batch(20, None).await;
    assert!(world.ports.batches.revoke(batch).await.expect("revoke"));
    assert!(world.claimed(world.request(batch, 0)).await.revoked && world.record_of(batch).await.revoked);
    assert!(world.ports.batches.reinstate(batch).await.expect("reinstate"));
    assert!(!world.claimed(world.request(batch, 10)).await.revoked && !world.record_of(batch).await.revoked);
    assert!(world.ports.batches.reinstate(batch).await.expect("reinstating again changes nothing"));
}

async fn the_newest_batches_come_first(world: World) {
    for name in ["first", "second", "third"] {
        world.ports.batches.open(new_batch(world.now_ms(), name, None)).await.expect("open");
        world.advance_ms(1000);
    }
    let newest = world.ports.batches.list(2).await.expect("list");
    assert_eq!(newest.iter().map(|batch| batch.name.as_str()).collect::<Vec<_>>(), ["third", "second"]);
}
