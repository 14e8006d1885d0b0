//! Cases of the ledger: the rules of the parcel protocol, by their numbers in `ARCHITECTURE.md`.

use bytes::Bytes;

use super::{
    LEASE_MS, World, cases,
    world::{outgoing, succeeded},
};
use celeriac_core::{
    bitmap::Bitmap,
    id::{BatchId, ParcelId},
    ports::{
        Checkpoint, ChildPlan, Claim, ClaimRequest, Claimed, Failure, Finish, PortError, Record, ResultRow, RowState,
        Seal, Tally, Window,
    },
};

cases!["ledger":
    rule_2_a_claim_is_exclusive_while_its_lease_lasts,
    rule_2_of_many_claims_at_once_one_succeeds,
    rule_2_a_lease_that_ended_is_taken_over_at_a_higher_epoch,
    rule_2_claims_are_answered_in_order,
    rule_3_a_lost_claim_writes_nothing,
    rule_3_records_survive_a_takeover,
    rule_4_every_claim_of_a_sealed_parcel_gets_its_seal,
    rule_4_sealing_again_changes_nothing,
    rule_5_finishing_moves_the_counters_once,
    rule_5_a_sealed_parcel_finishes_with_the_verdicts_of_its_seal,
    rule_5_a_batch_owes_its_callback_once_it_is_closed_and_complete,
    rule_5_an_owed_callback_is_returned_until_it_is_paid,
    rule_6_losses_and_the_window_tell_the_next_holder_to_be_careful,
    rule_8_a_parcel_past_its_time_is_refused,
    rule_8_a_row_outlives_its_parcel_by_two_days,
    rule_9_a_renewed_lease_lasts_longer,
    a_revoked_batch_is_claimed_as_revoked,
    a_parcel_of_a_batch_without_record_finishes_all_the_same,
    results_and_failures_are_found_by_call,
    a_call_is_found_by_its_root_parcel,
    a_parcel_never_claimed_has_no_row,
];

fn renewal(parcel: ParcelId, epoch: u64, lease_until_ms: u64) -> Checkpoint {
    Checkpoint { parcel, epoch, record: None, lease_until_ms, window: None }
}

async fn checkpoint(world: &World, checkpoint: Checkpoint) -> Result<(), PortError> {
    world.ports.ledger.checkpoint(vec![checkpoint]).await.remove(0)
}

async fn state(world: &World, parcel: ParcelId) -> RowState {
    world.ports.ledger.rows(vec![parcel]).await.expect("rows").remove(0).expect("it was claimed").state
}

/// Two children: calls 1 and 2 at once, call 3 later.
fn seal() -> Seal {
    let child = |calls: &[u32], due_ms| ChildPlan { calls: calls.iter().copied().collect(), attempt: 2, due_ms };
    Seal { children: vec![child(&[1, 2], 0), child(&[3], 99)] }
}

async fn rule_2_a_claim_is_exclusive_while_its_lease_lasts(world: World) {
    let batch = world.batch(10, None).await;
    let until_ms = world.now_ms() + LEASE_MS;
    let claimed = world.claimed(world.request(batch, 0)).await;
    let first =
        Claimed { epoch: 1, done: Bitmap::new(), tally: Tally::default(), losses: 0, window: None, revoked: false };
    assert_eq!(claimed, first);
    world.advance_ms(LEASE_MS - 1);
    assert_eq!(world.claim(world.request(batch, 0)).await, Claim::Busy { until_ms });
}

async fn rule_2_of_many_claims_at_once_one_succeeds(world: World) {
    let batch = world.batch(10, None).await;
    let claims = futures::future::join_all((0..20).map(|_| world.claim(world.request(batch, 0)))).await;
    assert_eq!(claims.iter().filter(|claim| matches!(claim, Claim::Claimed(_))).count(), 1);
    assert_eq!(claims.iter().filter(|claim| matches!(claim, Claim::Busy { .. })).count(), 19);
}

async fn rule_2_a_lease_that_ended_is_taken_over_at_a_higher_epoch(world: World) {
    let batch = world.batch(10, None).await;
    let first = world.claimed(world.request(batch, 0)).await;
    world.advance_ms(LEASE_MS);
    let second = world.claimed(world.request(batch, 0)).await;
    assert!(second.epoch > first.epoch);
}

async fn rule_2_claims_are_answered_in_order(world: World) {
    let batch = world.batch(30, None).await;
    world.claimed(world.request(batch, 10)).await;
    let requests = [0, 10, 20].map(|first| world.request(batch, first)).to_vec();
    let claims = world.ports.ledger.claim(requests).await;
    assert!(matches!(claims[..], [Ok(Claim::Claimed(_)), Ok(Claim::Busy { .. }), Ok(Claim::Claimed(_))]), "{claims:?}");
}

async fn rule_3_a_lost_claim_writes_nothing(world: World) {
    let batch = world.batch(10, None).await;
    let parcel = ParcelId::root(batch, 0);
    let lost = world.claimed(world.request(batch, 0)).await.epoch;
    world.advance_ms(LEASE_MS);
    let holds = world.claimed(world.request(batch, 0)).await.epoch;

    let late = Checkpoint { record: Some(succeeded(9)), ..renewal(parcel, lost, world.now_ms() + 1_000_000) };
    assert!(matches!(checkpoint(&world, late).await, Err(PortError::Fenced)));
    let sealed = world.ports.ledger.seal(parcel, lost, succeeded(9), seal()).await;
    assert!(matches!(sealed, Err(PortError::Fenced)));
    let finish = Finish { parcel, epoch: lost, record: Some(succeeded(10)) };
    assert!(matches!(world.ports.ledger.finish(finish).await, Err(PortError::Fenced)));

    let row = world.ports.ledger.rows(vec![parcel]).await.expect("rows").remove(0).expect("claimed");
    assert_eq!((row.state, row.epoch, row.done.len()), (RowState::Open, holds, 0));
    assert_eq!(row.lease_until_ms, world.now_ms() + LEASE_MS);
    assert_eq!(world.record_of(batch).await.tally, Tally::default());
}

async fn rule_3_records_survive_a_takeover(world: World) {
    let batch = world.batch(10, None).await;
    let epoch = world.claimed(world.request(batch, 0)).await.epoch;
    let recorded = Checkpoint {
        record: Some(succeeded(4)),
        ..renewal(ParcelId::root(batch, 0), epoch, world.now_ms() + LEASE_MS)
    };
    checkpoint(&world, recorded).await.expect("the claim holds");
    world.advance_ms(LEASE_MS);
    let next = world.claimed(world.request(batch, 0)).await;
    assert_eq!((next.done, next.tally), (Bitmap::full(4), succeeded(4).tally));
}

async fn rule_4_every_claim_of_a_sealed_parcel_gets_its_seal(world: World) {
    let batch = world.batch(10, None).await;
    let parcel = ParcelId::root(batch, 0);
    let epoch = world.claimed(world.request(batch, 0)).await.epoch;
    world.ports.ledger.seal(parcel, epoch, succeeded(1), seal()).await.expect("the claim holds");
    for wait_ms in [0, LEASE_MS] {
        world.advance_ms(wait_ms);
        let Claim::Sealed { epoch, seal: sealed } = world.claim(world.request(batch, 0)).await else {
            panic!("not sealed")
        };
        assert_eq!(sealed, seal());
        assert_eq!(state(&world, parcel).await, RowState::Sealed(seal()));
        if wait_ms > 0 {
            world.ports.ledger.finish(Finish { parcel, epoch, record: None }).await.expect("the epoch to finish with");
        }
    }
    assert_eq!(world.claim(world.request(batch, 0)).await, Claim::Finished { owed: None });
    assert_eq!(state(&world, parcel).await, RowState::Finished(seal()));
}

async fn rule_4_sealing_again_changes_nothing(world: World) {
    let batch = world.batch(10, None).await;
    let parcel = ParcelId::root(batch, 0);
    let epoch = world.claimed(world.request(batch, 0)).await.epoch;
    world.ports.ledger.seal(parcel, epoch, succeeded(1), seal()).await.expect("the claim holds");
    let other = Seal { children: vec![ChildPlan { calls: Bitmap::full(9), attempt: 5, due_ms: 0 }] };
    world.ports.ledger.seal(parcel, epoch, succeeded(2), other).await.expect("the epoch is the seal's");
    assert_eq!(state(&world, parcel).await, RowState::Sealed(seal()));
    assert_eq!(world.record_of(batch).await.tally.succeeded, 1);
}

async fn rule_5_finishing_moves_the_counters_once(world: World) {
    let batch = world.batch(20, None).await;
    world.run_ten(batch, 0).await;
    assert_eq!(world.record_of(batch).await.tally.succeeded, 10);
    let again = Finish { parcel: ParcelId::root(batch, 0), epoch: 1, record: Some(succeeded(10)) };
    world.ports.ledger.finish(again).await.expect("finishing again changes nothing");
    assert_eq!(world.record_of(batch).await.tally.succeeded, 10);
    assert_eq!(world.claim(world.request(batch, 0)).await, Claim::Finished { owed: None });
}

async fn rule_5_a_sealed_parcel_finishes_with_the_verdicts_of_its_seal(world: World) {
    let batch = world.batch(10, None).await;
    let parcel = ParcelId::root(batch, 0);
    let epoch = world.claimed(world.request(batch, 0)).await.epoch;
    let record = Record { tally: Tally { succeeded: 6, failed: 1, retries: 3, ..Tally::default() }, ..succeeded(7) };
    world.ports.ledger.seal(parcel, epoch, record.clone(), seal()).await.expect("seal");
    assert_eq!(world.record_of(batch).await.tally, record.tally, "an unfinished parcel's verdicts are told");
    world.ports.ledger.finish(Finish { parcel, epoch, record: None }).await.expect("finish");
    assert_eq!(world.record_of(batch).await.tally, record.tally, "and are told once when it is finished");
}

async fn rule_5_a_batch_owes_its_callback_once_it_is_closed_and_complete(world: World) {
    let callback = outgoing("mail", "all sent", 0);
    let batch = world.batch(20, Some(callback.clone())).await;
    assert!(world.run_ten(batch, 0).await.is_none());
    assert!(world.ports.batches.close(batch, world.now_ms()).await.expect("close").is_none());
    world.advance_ms(7);
    let owed = world.run_ten(batch, 10).await.expect("the last parcel's end completes the batch");
    assert_eq!((owed.batch, &owed.message.body, &owed.message.queue), (batch, &callback.body, &callback.queue));
    assert_eq!(world.record_of(batch).await.finished_ms, Some(world.now_ms()));
}

async fn rule_5_an_owed_callback_is_returned_until_it_is_paid(world: World) {
    let batch = world.batch(10, Some(outgoing("mail", "all sent", 0))).await;
    world.ports.batches.close(batch, world.now_ms()).await.expect("close");
    world.run_ten(batch, 0).await.expect("owed");
    assert!(matches!(world.claim(world.request(batch, 0)).await, Claim::Finished { owed: Some(_) }));
    assert!(world.ports.ledger.owed().await.expect("owed").is_empty(), "another process has it and is sending it");
    world.advance_ms(10 * 60_000);
    let owed = world.ports.ledger.owed().await.expect("owed");
    assert_eq!(owed.iter().map(|owed| owed.batch).collect::<Vec<_>>(), [batch]);
    world.ports.ledger.paid(batch).await.expect("paid");
    assert!(world.ports.ledger.owed().await.expect("owed").is_empty());
    assert_eq!(world.claim(world.request(batch, 0)).await, Claim::Finished { owed: None });
    assert_eq!(world.ports.batches.close(batch, world.now_ms()).await.expect("closing again"), None);
}

async fn rule_6_losses_and_the_window_tell_the_next_holder_to_be_careful(world: World) {
    let batch = world.batch(10, None).await;
    let parcel = ParcelId::root(batch, 0);
    let mut epoch = world.claimed(world.request(batch, 0)).await.epoch;
    let window = Window { calls: [5].into_iter().collect(), deaths: 1 };
    for losses in 1..=3 {
        let marked = Checkpoint { window: Some(window.clone()), ..renewal(parcel, epoch, world.now_ms() + LEASE_MS) };
        checkpoint(&world, marked).await.expect("the claim holds");
        world.advance_ms(LEASE_MS);
        let next = world.claimed(world.request(batch, 0)).await;
        assert_eq!((next.losses, next.window.as_ref()), (losses, Some(&window)));
        epoch = next.epoch;
    }
}

async fn rule_8_a_parcel_past_its_time_is_refused(world: World) {
    let batch = world.batch(20, None).await;
    let now_ms = world.now_ms();
    let request = ClaimRequest { not_after_ms: now_ms - 1, ..world.request(batch, 0) };
    assert_eq!(world.claim(request).await, Claim::TooOld);
    let request = ClaimRequest { not_after_ms: now_ms, ..world.request(batch, 10) };
    assert!(matches!(world.claim(request).await, Claim::Claimed(_)), "its last millisecond");
}

async fn rule_8_a_row_outlives_its_parcel_by_two_days(world: World) {
    let batch = world.batch(10, None).await;
    let request = world.request(batch, 0);
    world.run_ten(batch, 0).await;
    let end_ms = request.not_after_ms + 2 * 86_400_000;
    world.advance_ms(end_ms - world.now_ms());
    // A backend's occasional cleaning happens when it is used.
    world.receive("mail", 1).await;
    let late = ClaimRequest { now_ms: world.now_ms(), ..request };
    assert_eq!(world.claim(late).await, Claim::Finished { owed: None });
}

async fn rule_9_a_renewed_lease_lasts_longer(world: World) {
    let batch = world.batch(10, None).await;
    let epoch = world.claimed(world.request(batch, 0)).await.epoch;
    world.advance_ms(LEASE_MS / 2);
    let until_ms = world.now_ms() + LEASE_MS;
    checkpoint(&world, renewal(ParcelId::root(batch, 0), epoch, until_ms)).await.expect("the claim holds");
    world.advance_ms(LEASE_MS - 1);
    assert_eq!(world.claim(world.request(batch, 0)).await, Claim::Busy { until_ms });
    world.advance_ms(1);
    assert!(matches!(world.claim(world.request(batch, 0)).await, Claim::Claimed(_)));
}

async fn a_revoked_batch_is_claimed_as_revoked(world: World) {
    let batch = world.batch(20, None).await;
    assert!(!world.claimed(world.request(batch, 0)).await.revoked);
    assert!(world.ports.batches.revoke(batch).await.expect("revoke"));
    assert!(world.claimed(world.request(batch, 10)).await.revoked);
    world.advance_ms(LEASE_MS);
    assert!(world.claimed(world.request(batch, 0)).await.revoked, "a takeover sees it too");
}

async fn a_parcel_of_a_batch_without_record_finishes_all_the_same(world: World) {
    let batch = BatchId::new(world.now_ms(), 7);
    let request = ClaimRequest { counted: false, ..world.request(batch, 0) };
    let epoch = world.claimed(request.clone()).await.epoch;
    let finish = Finish { parcel: request.parcel, epoch, record: Some(succeeded(10)) };
    assert_eq!(world.ports.ledger.finish(finish).await.expect("finish"), None);
    assert_eq!(world.claim(request).await, Claim::Finished { owed: None });
    assert_eq!(world.ports.batches.get(batch).await.expect("get"), None);
}

async fn results_and_failures_are_found_by_call(world: World) {
    let batch = world.batch(10, None).await;
    let parcel = ParcelId::root(batch, 0);
    let epoch = world.claimed(world.request(batch, 0)).await.epoch;
    let failure = |attempt: u32| Failure {
        index: 3,
        attempt,
        at_ms: world.now_ms() + u64::from(attempt),
        took_ms: 5,
        kind: "error".to_owned(),
        message: format!("refused {attempt}"),
        worker: "here".to_owned(),
    };
    let result = |index, value: &'static [u8]| ResultRow { index, value: Bytes::from_static(value) };
    let first =
        Record { results: vec![result(0, b"\x01"), result(5, b"\x05")], failures: vec![failure(1)], ..succeeded(2) };
    let recorded = Checkpoint { record: Some(first), ..renewal(parcel, epoch, world.now_ms() + LEASE_MS) };
    checkpoint(&world, recorded).await.expect("the claim holds");
    let last = Record { results: vec![result(2, b"\x02")], failures: vec![failure(2)], ..succeeded(10) };
    world.ports.ledger.finish(Finish { parcel, epoch, record: Some(last) }).await.expect("finish");

    let ledger = &world.ports.ledger;
    for (index, value) in [(0, Some(&b"\x01"[..])), (2, Some(b"\x02")), (5, Some(b"\x05")), (4, None)] {
        assert_eq!(ledger.result_of(batch.call(index)).await.expect("result").as_deref(), value, "call {index}");
    }
    assert_eq!(ledger.history(batch.call(3)).await.expect("history"), [failure(1), failure(2)]);
    assert!(ledger.history(batch.call(4)).await.expect("history").is_empty());
}

async fn a_call_is_found_by_its_root_parcel(world: World) {
    let batch = world.batch(30, None).await;
    world.claimed(world.request(batch, 0)).await;
    world.claimed(world.request(batch, 20)).await;
    let parcel = ParcelId::root(batch, 20).child(0);
    let child = ClaimRequest { parcel, root: false, first: 25, count: 2, ..world.request(batch, 20) };
    world.claimed(child).await;
    for (index, root) in [(0, Some(0)), (9, Some(0)), (15, None), (20, Some(20)), (26, Some(20)), (30, None)] {
        let row = world.ports.ledger.root_of(batch.call(index)).await.expect("root_of");
        assert_eq!(row.map(|row| row.parcel), root.map(|first| ParcelId::root(batch, first)), "call {index}");
    }
}

async fn a_parcel_never_claimed_has_no_row(world: World) {
    let batch = world.batch(20, None).await;
    world.claimed(world.request(batch, 0)).await;
    let rows = world.ports.ledger.rows(vec![ParcelId::root(batch, 10), ParcelId::root(batch, 0)]).await.expect("rows");
    assert!(matches!(&rows[..], [None, Some(row)] if row.holder == "here" && row.count == 10), "{rows:?}");
}
