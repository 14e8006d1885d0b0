//! Tests the ledger with a network that loses answers, and with a busy service.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_tests::{Asked, Fault, Odds};
use bytes::Bytes;
use celeriac_core::{
    bitmap::Bitmap,
    id::{BatchId, ParcelId},
    ports::{Checkpoint, Claim, ClaimRequest, Finish, Outgoing, PortError, Seal, Tally},
};
use futures::future::join_all;
use tokio::sync::Notify;

use crate::table::{LEASE_MS, succeeded, with_faults};

/// A rule by which the first requests of this operation have this fault.
fn first(count: usize, operation: &'static str, fault: Fault) -> impl Fn(&Asked) -> Fault + Send + Sync + 'static {
    let left = AtomicUsize::new(count);
    move |asked| {
        let is_it = asked.operation == operation;
        let count = |left: usize| left.checked_sub(1);
        let has = is_it && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_ok();
        if has { fault.clone() } else { Fault::None }
    }
}

pub(crate) async fn a_claim_whose_answer_was_lost_is_ours() {
    let table = with_faults(first(2, "UpdateItem", Fault::CutAfter)).await;
    let request = ClaimRequest { counted: false, ..table.request(BatchId::new(1, 7), 0, 1) };
    let claimed = table.claimed(request.clone()).await;
    assert_eq!((claimed.epoch, claimed.losses, table.proxy.faults()), (1, 0, 2));
    let until_ms = table.now_ms() + LEASE_MS;
    assert_eq!(table.claim(request.clone()).await.expect("claim"), Claim::Busy { until_ms }, "another's is not");
    let finish = Finish { parcel: request.parcel, epoch: 1, record: Some(succeeded(1)) };
    table.ports.ledger.finish(finish).await.expect("the claim holds");
}

pub(crate) async fn a_claim_is_not_given_up_while_it_may_hold_the_parcel() {
    // More often than the SDK tries by itself.
    let table = with_faults(first(5, "UpdateItem", Fault::CutAfter)).await;
    let claimed = table.claimed(ClaimRequest { counted: false, ..table.request(BatchId::new(1, 7), 0, 10) }).await;
    assert_eq!((claimed.epoch, table.proxy.faults()), (1, 5));
}

pub(crate) async fn nothing_is_claimed_of_a_batch_that_cannot_be_read() {
    let table = with_faults(first(1, "BatchGetItem", Fault::Refused(400, "ValidationException"))).await;
    let batch = table.batch(10, None).await;
    let request = table.request(batch, 0, 10);
    table.claim(request.clone()).await.expect_err("nobody knows whether it is revoked");
    assert_eq!(table.proxy.faults(), 1);
    let rows = table.ports.ledger.rows(vec![request.parcel]).await.expect("rows");
    assert_eq!(rows, [None]);
    let claimed = table.claimed(request).await;
    assert_eq!((claimed.epoch, claimed.losses), (1, 0));
}

pub(crate) async fn an_end_whose_answer_was_lost_counts_once() {
    let armed = Arc::new(AtomicBool::new(false));
    let is_armed = armed.clone();
    let table = with_faults(move |asked| {
        let is_write = ["UpdateItem", "TransactWriteItems"].contains(&asked.operation.as_str());
        let cut = is_write && is_armed.swap(false, Ordering::Relaxed);
        if cut { Fault::CutAfter } else { Fault::None }
    })
    .await;
    let batch = table.batch(30, None).await;
    for (first, counted) in [(0, true), (10, false)] {
        let request = ClaimRequest { counted, ..table.request(batch, first, 10) };
        let parcel = request.parcel;
        let epoch = table.claimed(request).await.epoch;
        armed.store(true, Ordering::Relaxed);
        let finish = Finish { parcel, epoch, record: Some(succeeded(10)) };
        table.ports.ledger.finish(finish.clone()).await.expect("finish");
        table.ports.ledger.finish(finish).await.expect("finishing again");
    }
    let parcel = ParcelId::root(batch, 20);
    let epoch = table.claimed(table.request(batch, 20, 10)).await.epoch;
    armed.store(true, Ordering::Relaxed);
    table.ports.ledger.seal(parcel, epoch, succeeded(10), Seal::default()).await.expect("seal");
    armed.store(true, Ordering::Relaxed);
    table.ports.ledger.finish(Finish { parcel, epoch, record: None }).await.expect("finish");
    assert_eq!((table.tally(batch).await.succeeded, table.proxy.faults()), (20, 4));
}

pub(crate) async fn many_ends_at_once_over_a_bad_network_count_exactly() {
    let odds = Odds::new(11)
        .percent(5, Fault::CutBefore)
        .percent(5, Fault::CutAfter)
        .percent(5, Fault::Twice)
        .percent(5, Fault::Refused(400, "TransactionInProgressException"))
        .percent(5, Fault::Refused(400, "ProvisionedThroughputExceededException"));
    let is_on = Arc::new(AtomicBool::new(false));
    let on = is_on.clone();
    let table = with_faults(move |_| if on.load(Ordering::Relaxed) { odds.draw() } else { Fault::None }).await;
    let batch = table.batch(1000, None).await;
    let requests = (0..100).map(|at| table.request(batch, at * 10, 10)).collect();
    let claims = table.ports.ledger.claim(requests).await;
    assert!(claims.iter().all(|claim| matches!(claim, Ok(Claim::Claimed(_)))), "{claims:?}");

    is_on.store(true, Ordering::Relaxed);
    let ends = (0..100).map(|at| {
        let finish = Finish { parcel: ParcelId::root(batch, at * 10), epoch: 1, record: Some(succeeded(10)) };
        let ledger = &table.ports.ledger;
        async move {
            for _ in 0..50 {
                match ledger.finish(finish.clone()).await {
                    Ok(_) => return,
                    Err(PortError::Unavailable { .. } | PortError::Unknown { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            panic!("parcel {at} never finished");
        }
    });
    join_all(ends).await;
    is_on.store(false, Ordering::Relaxed);
    assert_eq!(table.tally(batch).await, Tally { succeeded: 1000, ..Tally::default() });
    assert!(table.proxy.faults() > 10, "{} faults", table.proxy.faults());
}

pub(crate) async fn a_recording_that_comes_late_undoes_nothing() {
    let (held, has_come) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let (hold, come) = (held.clone(), has_come.clone());
    let table = with_faults(move |asked| {
        if asked.operation != "UpdateItem" || !hold.swap(false, Ordering::Relaxed) {
            return Fault::None;
        }
        come.notify_one();
        Fault::Late(Duration::from_secs(2))
    })
    .await;
    let batch = table.batch(10, None).await;
    let parcel = ParcelId::root(batch, 0);
    let epoch = table.claimed(table.request(batch, 0, 10)).await.epoch;
    let checkpoint = |done, wait_ms| Checkpoint {
        parcel,
        epoch,
        record: Some(succeeded(done)),
        lease_until_ms: table.now_ms() + wait_ms,
        window: None,
    };
    held.store(true, Ordering::Relaxed);
    let ledger = table.ports.ledger.clone();
    let late = checkpoint(3, 1000);
    let late = tokio::spawn(async move { ledger.checkpoint(vec![late]).await.remove(0) });
    has_come.notified().await;
    table.ports.ledger.checkpoint(vec![checkpoint(7, 2000)]).await.remove(0).expect("the claim holds");
    let error = late.await.expect("it does not panic").expect_err("it comes after another");
    assert!(matches!(error, PortError::Unavailable { .. }), "{error:?}");
    let row = table.ports.ledger.rows(vec![parcel]).await.expect("rows").remove(0).expect("it is claimed");
    assert_eq!((row.done, row.lease_until_ms), (Bitmap::full(7), table.now_ms() + 2000));
}

pub(crate) async fn conflicts_of_a_transaction_are_waited_for_but_not_for_ever() {
    let conflict = Fault::Refused(400, "TransactionCanceledException");
    let rule = first(6, "TransactWriteItems", conflict.clone());
    let on = Arc::new(AtomicUsize::new(0));
    let is_on = on.clone();
    let table = with_faults(move |asked| match is_on.load(Ordering::Relaxed) {
        1 => rule(asked),
        2 if asked.operation == "TransactWriteItems" => conflict.clone(),
        _ => Fault::None,
    })
    .await;
    let batch = table.batch(20, None).await;
    on.store(1, Ordering::Relaxed);
    table.run(table.request(batch, 0, 10), succeeded(10)).await.expect("it is waited for");
    on.store(2, Ordering::Relaxed);
    let error = table.run(table.request(batch, 10, 10), succeeded(10)).await.expect_err("it never ends");
    assert!(matches!(error, PortError::Unavailable { .. }), "{error:?}");
    let stack = table.backend.settings().stack.to_string();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot write the ledger: DynamoDB table `{stack}`: too many writes at once, or others write the same \
             items: try again"
        )
    );
    assert_eq!(table.tally(batch).await.succeeded, 10);
}

pub(crate) async fn half_an_answer_is_asked_for_the_other_half() {
    let table = with_faults(first(3, "BatchGetItem", Fault::Partly("Unprocessed"))).await;
    let batch = table.batch(100, None).await;
    let parcels: Vec<ParcelId> = (0..10).map(|at| ParcelId::root(batch, at * 10)).collect();
    let requests = (0..10).map(|at| ClaimRequest { counted: false, ..table.request(batch, at * 10, 10) }).collect();
    table.ports.ledger.claim(requests).await;
    let rows = table.ports.ledger.rows(parcels.iter().chain(&parcels).copied().collect()).await.expect("rows");
    let found: Vec<_> = rows.into_iter().map(|row| row.expect("it is claimed").parcel).collect();
    assert_eq!(found, [parcels.clone(), parcels].concat());
    assert_eq!(table.proxy.faults(), 3);
}

pub(crate) async fn a_batch_that_is_complete_unseen_owes_its_callback() {
    let is_down = Arc::new(AtomicBool::new(false));
    let down = is_down.clone();
    let table = with_faults(move |asked| {
        let fails = asked.operation == "BatchGetItem" && down.load(Ordering::Relaxed);
        if fails { Fault::Refused(400, "ProvisionedThroughputExceededException") } else { Fault::None }
    })
    .await;
    let callback = Outgoing::of("mail", Bytes::from_static(b"all sent"), 5);
    let batch = table.batch(10, Some(callback)).await;
    table.ports.batches.close(batch, table.now_ms()).await.expect("close");
    assert!(table.ports.ledger.owed().await.expect("owed").is_empty(), "its calls have not ended");
    let request = table.request(batch, 0, 10);
    let epoch = table.claimed(request.clone()).await.epoch;

    is_down.store(true, Ordering::Relaxed);
    let finish = Finish { parcel: request.parcel, epoch, record: Some(succeeded(10)) };
    let error = table.ports.ledger.finish(finish).await.expect_err("who finishes it cannot look");
    assert!(matches!(error, PortError::Unavailable { .. }), "{error:?}");
    is_down.store(false, Ordering::Relaxed);
    let owed = table.ports.ledger.owed().await.expect("owed");
    assert_eq!(owed.iter().map(|owed| (owed.batch, owed.message.due_ms)).collect::<Vec<_>>(), [(batch, 5)]);
    table.ports.ledger.paid(batch).await.expect("paid");
    assert!(table.ports.ledger.owed().await.expect("owed").is_empty());
    assert_eq!(table.claim(request).await.expect("claim"), Claim::Finished { owed: None });
}
