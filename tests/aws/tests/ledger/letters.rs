//! Tests many dead letters, and large ones.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_tests::Fault;
use celeriac_core::{
    id::{ParcelId, TaskId},
    ports::{ClaimRequest, DeadQuery, Finish, Removal, Tally},
};

use crate::table::{LEASE_MS, Table, failed, noise, open, requests, settings, table, with_bucket, with_faults};

/// More than two transactions take.
const MANY: u32 = 230;

async fn ids(table: &Table, query: DeadQuery) -> Vec<TaskId> {
    let letters = table.ports.dead_letters.list(query).await.expect("list");
    letters.into_iter().map(|letter| letter.id).collect()
}

pub(crate) async fn more_letters_than_a_transaction_takes_are_written_and_counted() {
    let table = table().await;
    let batch = table.batch(MANY.into(), None).await;
    table.run(table.request(batch, 0, MANY), failed(batch, MANY, 77, 100)).await.expect("finish");
    assert_eq!(requests(&table, "DynamoDB", "TransactWriteItems"), 4, "one opened the batch");
    assert_eq!(table.tally(batch).await.failed, u64::from(MANY));
    let all = ids(&table, DeadQuery::new(1000)).await;
    assert_eq!(all, (0..MANY).map(|index| batch.call(index.into())).collect::<Vec<_>>());

    let half = all.iter().step_by(2).map(|id| (*id, 77)).collect::<Vec<_>>();
    let removed = table.ports.dead_letters.remove(half.clone(), Removal::Retried).await.expect("remove");
    assert_eq!(removed, half.len() as u64);
    assert_eq!(table.ports.dead_letters.remove(half, Removal::Retried).await.expect("remove"), 0, "they are gone");
    assert_eq!(table.tally(batch).await.failed, u64::from(MANY / 2));
}

pub(crate) async fn letters_of_calls_that_died_again_take_the_place_of_the_old_ones() {
    let table = table().await;
    let batch = table.batch(MANY.into(), None).await;
    table.run(table.request(batch, 0, MANY), failed(batch, MANY, 77, 10)).await.expect("finish");
    let again = ClaimRequest { parcel: ParcelId::root(batch, 0).child(0), ..table.request(batch, 0, MANY) };
    table.run(again, failed(batch, MANY, 78, 10)).await.expect("finish");
    assert_eq!(table.tally(batch).await.failed, u64::from(MANY), "one call counts once");
    let letters = table.ports.dead_letters.list(DeadQuery::new(1000)).await;
    let letters = letters.expect("list");
    assert!(letters.len() == MANY as usize && letters.iter().all(|letter| letter.died_ms == 78), "{}", letters.len());
    for index in [0, u64::from(MANY) - 1] {
        let history = table.ports.ledger.history(batch.call(index)).await.expect("history");
        let entries: Vec<_> = history.iter().map(|entry| (entry.kind.as_str(), entry.at_ms)).collect();
        assert_eq!(entries, [("retried", 77)], "call {index}");
    }
}

pub(crate) async fn letters_of_a_recording_that_broke_off_have_their_verdicts_with_them() {
    let is_armed = Arc::new(AtomicBool::new(false));
    let (armed, written) = (is_armed.clone(), AtomicUsize::new(0));
    let table = with_faults(move |asked| {
        let counts = asked.operation == "TransactWriteItems" && armed.load(Ordering::Relaxed);
        let is_second = counts && written.fetch_add(1, Ordering::Relaxed) == 1;
        if is_second { Fault::Refused(400, "ValidationException") } else { Fault::None }
    })
    .await;
    let batch = table.batch(MANY.into(), None).await;
    is_armed.store(true, Ordering::Relaxed);
    let request = table.request(batch, 0, MANY);
    let parcel = request.parcel;
    // The calls of a child parcel need not be consecutive.
    let mut record = failed(batch, MANY, 77, 100);
    record.dead.iter_mut().for_each(|(position, _)| *position = MANY - 1 - *position);
    table.run(request, record).await.expect_err("it breaks off");
    let written = ids(&table, DeadQuery::new(1000)).await;
    assert!(!written.is_empty() && written.len() < MANY as usize, "{} letters", written.len());

    table.clock.advance(Duration::from_millis(LEASE_MS));
    let claimed = table.claimed(table.request(batch, 0, MANY)).await;
    let at = |index: u64| MANY - 1 - index as u32;
    assert_eq!(claimed.done, written.iter().map(|id| at(id.index)).collect());
    assert_eq!(claimed.tally, Tally { failed: written.len() as u64, ..Tally::default() });
    let mut record = failed(batch, MANY, 78, 100);
    record.dead.retain(|(_, letter)| !claimed.done.contains(at(letter.id.index)));
    let finish = Finish { parcel, epoch: claimed.epoch, record: Some(record) };
    table.ports.ledger.finish(finish).await.expect("finish");
    assert_eq!(table.tally(batch).await.failed, u64::from(MANY));
    assert_eq!(ids(&table, DeadQuery::new(1000)).await.len(), MANY as usize);
    for index in [0, u64::from(MANY) - 1] {
        assert_eq!(table.ports.ledger.history(batch.call(index)).await.expect("history"), [], "call {index}");
    }
}

pub(crate) async fn letters_are_listed_in_pages() {
    let table = table().await;
    let batch = table.batch(MANY.into(), None).await;
    table.run(table.request(batch, 0, MANY), failed(batch, MANY, 77, 100)).await.expect("finish");
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = ids(&table, DeadQuery::new(70).batch(batch).after(after)).await;
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 70, "{}", page.len());
        after = Some(*last);
        seen.extend(page);
    }
    assert_eq!(seen, (0..MANY).map(|index| batch.call(index.into())).collect::<Vec<_>>());
    assert_eq!(ids(&table, DeadQuery::new(0)).await, []);
}

pub(crate) async fn letters_that_are_too_many_bytes_for_one_answer_are_all_listed() {
    let table = table().await;
    let batch = table.batch(160, None).await;
    // All letters are in one shard, whose pages have 1 MB.
    let mut record = failed(batch, 160, 77, 150 << 10);
    record.dead.retain(|(_, letter)| letter.id.index % 16 == 0);
    table.run(table.request(batch, 0, 160), record).await.expect("finish");
    let all = ids(&table, DeadQuery::new(1000)).await;
    assert_eq!(all, (0..10).map(|at| batch.call(at * 16)).collect::<Vec<_>>());
    let letter = table.ports.dead_letters.get(batch.call(32)).await.expect("get").expect("it is there");
    assert!(letter.args == noise(150 << 10, 32), "its arguments are as they were");
}

pub(crate) async fn arguments_that_are_too_many_for_an_item_go_to_the_bucket_and_leave_it() {
    let table = open(&with_bucket(settings().await), |_| Fault::None);
    let batch = table.batch(2, None).await;
    let record = failed(batch, 2, 77, 3 << 20);
    let letters: Vec<_> = record.dead.iter().map(|(_, letter)| letter.clone()).collect();
    table.run(table.request(batch, 0, 2), record).await.expect("finish");
    assert_eq!(requests(&table, "S3", "PutObject"), 2);
    let listed = table.ports.dead_letters.list(DeadQuery::new(10)).await;
    assert_eq!(listed.expect("list"), letters);

    let (id, died_ms) = (letters[0].id, letters[0].died_ms);
    assert_eq!(table.ports.dead_letters.remove(vec![(id, died_ms)], Removal::Dropped).await.expect("remove"), 1);
    assert_eq!(requests(&table, "S3", "DeleteObject"), 1);
    let again = ClaimRequest { parcel: ParcelId::root(batch, 0).child(0), ..table.request(batch, 0, 2) };
    table.run(again, failed(batch, 2, 78, 3 << 20)).await.expect("finish");
    assert_eq!(requests(&table, "S3", "DeleteObject"), 2, "that of the letter that was there");
    assert_eq!(table.ports.dead_letters.get(letters[1].id).await.expect("get").map(|letter| letter.died_ms), Some(78));
}
