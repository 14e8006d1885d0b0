//! Cases of the port to dead letters.

use bytes::Bytes;

use super::{World, cases, world::succeeded};
use celeriac_core::{
    id::{BatchId, ParcelId, TaskId},
    ports::{ClaimRequest, Claimed, DeadLetter, DeadQuery, Finish, Reason, Record, Removal, Tally},
};

cases!["dead_letters":
    a_dead_letter_keeps_everything,
    dead_letters_are_listed_in_order_by_batch_and_task,
    a_retried_call_counts_as_not_ended,
    a_retried_call_may_succeed_before_its_letter_is_removed,
    a_retried_call_may_die_before_its_letter_is_removed,
    a_dropped_call_stays_counted,
    a_call_that_died_again_is_not_removed,
];

fn letter(id: TaskId, task: &str, died_ms: u64) -> DeadLetter {
    DeadLetter {
        id,
        counted: true,
        task: task.to_owned(),
        queue: "mail".to_owned(),
        args: Bytes::from_static(b"\x91\xa3ada"),
        reason: Reason::TimedOut,
        message: "ran over its timeout of 30 s".to_owned(),
        attempts: 5,
        died_ms,
    }
}

/// Finishes a parcel of ten calls. Those with these letters died.
async fn bury(world: &World, batch: BatchId, dead: Vec<DeadLetter>) {
    let first = 0;
    let Claimed { epoch, .. } = world.claimed(world.request(batch, first)).await;
    let died = dead.len() as u64;
    let dead = dead.into_iter().map(|letter| (letter.id.index as u32, letter)).collect();
    let tally = Tally { succeeded: 10 - died, timed_out: died, ..Tally::default() };
    let record = Record { tally, dead, ..succeeded(10) };
    let finish = Finish { parcel: ParcelId::root(batch, first), epoch, record: Some(record) };
    world.ports.ledger.finish(finish).await.expect("finish");
}

async fn list(world: &World, query: DeadQuery) -> Vec<TaskId> {
    let letters = world.ports.dead_letters.list(query).await;
    letters.expect("list").into_iter().map(|letter| letter.id).collect()
}

async fn a_dead_letter_keeps_everything(world: World) {
    let batch = world.batch(10, None).await;
    let dead = letter(batch.call(3), "mail.send", world.now_ms());
    bury(&world, batch, vec![dead.clone()]).await;
    assert_eq!(world.ports.dead_letters.get(batch.call(3)).await.expect("get"), Some(dead));
    assert_eq!(world.ports.dead_letters.get(batch.call(4)).await.expect("get"), None);
}

async fn dead_letters_are_listed_in_order_by_batch_and_task(world: World) {
    let (early, late) = (BatchId::new(1, 0), BatchId::new(2, 0));
    bury(&world, late, vec![letter(late.call(4), "mail.send", 1), letter(late.call(1), "mail.bill", 1)]).await;
    bury(&world, early, vec![letter(early.call(12), "mail.send", 1), letter(early.call(2), "mail.send", 1)]).await;
    let all = DeadQuery::new(10);
    assert_eq!(list(&world, all.clone()).await, [early.call(2), early.call(12), late.call(1), late.call(4)]);
    let page = DeadQuery::new(2).after(early.call(2));
    assert_eq!(list(&world, page).await, [early.call(12), late.call(1)]);
    let of_batch = all.clone().batch(late);
    assert_eq!(list(&world, of_batch).await, [late.call(1), late.call(4)]);
    for (after, rest) in [(early.call(12), vec![late.call(1), late.call(4)]), (late.call(1), vec![late.call(4)])] {
        let page = all.clone().batch(late).after(after);
        assert_eq!(list(&world, page).await, rest);
    }
    let of_early = all.clone().batch(early).after(early.call(12));
    assert_eq!(list(&world, of_early).await, []);
    let of_task = all.batch(late).task("mail.send".to_owned());
    assert_eq!(list(&world, of_task).await, [late.call(4)]);
}

async fn a_retried_call_counts_as_not_ended(world: World) {
    let batch = world.batch(10, None).await;
    world.ports.batches.close(batch, world.now_ms()).await.expect("close");
    bury(&world, batch, vec![letter(batch.call(3), "mail.send", 77)]).await;
    assert!(world.record_of(batch).await.finished_ms.is_some());
    let removed = world.ports.dead_letters.remove(vec![(batch.call(3), 77)], Removal::Retried).await;
    assert_eq!(removed.expect("remove"), 1);
    let record = world.record_of(batch).await;
    assert_eq!((record.tally.ended(), record.tally.timed_out, record.finished_ms), (9, 0, None));

    run_again(&world, batch, succeeded(1)).await;
    let record = world.record_of(batch).await;
    assert_eq!((record.tally.succeeded, record.finished_ms), (10, Some(world.now_ms())));
}

/// Runs call 3, which died at 77 and was sent again.
async fn run_again(world: &World, batch: BatchId, record: Record) {
    let call = batch.call(3);
    let parcel = ParcelId::revived(call, 77);
    let request = ClaimRequest { parcel, root: false, first: 3, count: 1, ..world.request(batch, 0) };
    let epoch = world.claimed(request).await.epoch;
    world.ports.ledger.finish(Finish { parcel, epoch, record: Some(record) }).await.expect("finish");
}

async fn a_retried_call_may_succeed_before_its_letter_is_removed(world: World) {
    let batch = world.batch(10, None).await;
    world.ports.batches.close(batch, world.now_ms()).await.expect("close");
    bury(&world, batch, vec![letter(batch.call(3), "mail.send", 77)]).await;
    run_again(&world, batch, succeeded(1)).await;
    let removed = world.ports.dead_letters.remove(vec![(batch.call(3), 77)], Removal::Retried).await;
    assert_eq!(removed.expect("remove"), 1);
    let record = world.record_of(batch).await;
    assert_eq!((record.tally.succeeded, record.tally.ended()), (10, 10));
    assert_eq!(record.finished_ms, Some(world.now_ms()));
}

async fn a_retried_call_may_die_before_its_letter_is_removed(world: World) {
    let batch = world.batch(10, None).await;
    world.ports.batches.close(batch, world.now_ms()).await.expect("close");
    bury(&world, batch, vec![letter(batch.call(3), "mail.send", 77)]).await;
    let tally = Tally { timed_out: 1, ..Tally::default() };
    let again = Record { tally, dead: vec![(0, letter(batch.call(3), "mail.send", 78))], ..succeeded(1) };
    run_again(&world, batch, again).await;
    let removed = world.ports.dead_letters.remove(vec![(batch.call(3), 77)], Removal::Retried).await;
    assert_eq!(removed.expect("remove"), 0, "it died again since");
    let record = world.record_of(batch).await;
    assert_eq!((record.tally.succeeded, record.tally.timed_out), (9, 1), "one call counts once");
    assert_eq!(record.finished_ms, Some(world.now_ms()));
    let history = world.ports.ledger.history(batch.call(3)).await.expect("history");
    assert_eq!(history.iter().map(|entry| (entry.kind.as_str(), entry.at_ms)).collect::<Vec<_>>(), [("retried", 77)]);
}

async fn a_dropped_call_stays_counted(world: World) {
    let batch = world.batch(10, None).await;
    bury(&world, batch, vec![letter(batch.call(3), "mail.send", 77)]).await;
    let removed = world.ports.dead_letters.remove(vec![(batch.call(3), 77)], Removal::Dropped).await;
    assert_eq!(removed.expect("remove"), 1);
    assert_eq!(world.record_of(batch).await.tally.timed_out, 1);
    assert_eq!(list(&world, DeadQuery::new(1)).await, []);
}

async fn a_call_that_died_again_is_not_removed(world: World) {
    let batch = world.batch(10, None).await;
    bury(&world, batch, vec![letter(batch.call(3), "mail.send", 78)]).await;
    let letters = vec![(batch.call(3), 77), (batch.call(5), 78)];
    assert_eq!(world.ports.dead_letters.remove(letters, Removal::Retried).await.expect("remove"), 0);
    assert_eq!(world.record_of(batch).await.tally.timed_out, 1);
    assert_eq!(list(&world, DeadQuery::new(1)).await, [batch.call(3)]);
}
