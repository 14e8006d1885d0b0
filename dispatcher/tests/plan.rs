//! Tests which parcels travel together.

use bytes::Bytes;
use celeriac_core::{
    id::{BatchId, ParcelId},
    parcel::{Packer, Packing},
    ports::{Delivery, Receipt},
    wire::Header,
};
use celeriac_dispatcher::{DispatcherOptions, plan};

const MESSAGE_BYTES: usize = 256 << 10;

/// Bytes that do not compress (Marsaglia's xorshift64).
fn xorshift(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 32) as u8
}

fn parcel(task: &str, args_bytes: usize, call_ms: u32) -> Delivery {
    let batch = BatchId::new(1, 1);
    let mut packer = Packer::new(Packing { calls: 10, bytes: MESSAGE_BYTES, call_bytes: MESSAGE_BYTES });
    let mut noise = 1u64;
    let args: Vec<u8> = std::iter::repeat_with(|| xorshift(&mut noise)).take(args_bytes).collect();
    packer.push(&args);
    let body = packer.encode(Header {
        not_after_ms: 1,
        call_ms,
        ..Header::new(ParcelId::root(batch, 0), batch, 0, task, "default")
    });
    Delivery { queue: "default".into(), body, receipt: Receipt("r".into()), receives: 1, sent_ms: 0 }
}

fn sizes(deliveries: Vec<Delivery>, rooms: usize) -> (Vec<usize>, usize) {
    let plan = plan(deliveries, MESSAGE_BYTES, rooms, &DispatcherOptions::new(["default"]));
    (plan.invocations.iter().map(|invocation| invocation.deliveries.len()).collect(), plan.excess.len())
}

#[test]
fn parcels_are_spread_while_workers_are_free() {
    let deliveries = (0..4).map(|_| parcel("mail", 100, 10)).collect();
    assert_eq!(sizes(deliveries, 4), (vec![1, 1, 1, 1], 0));
}

#[test]
fn small_parcels_of_one_task_share_an_invocation_when_workers_are_few() {
    let deliveries = (0..12).map(|i| parcel(if i % 2 == 0 { "mail" } else { "bill" }, 100, 10)).collect();
    assert_eq!(sizes(deliveries, 2), (vec![6, 6], 0));
}

#[test]
fn an_invocation_is_no_larger_than_one_full_parcel() {
    let deliveries = (0..4).map(|_| parcel("mail", 100_000, 10)).collect();
    assert_eq!(sizes(deliveries, 2), (vec![2, 2], 0));
}

#[test]
fn an_invocation_is_given_a_minute_of_work() {
    let deliveries = (0..4).map(|_| parcel("mail", 100, 30_000)).collect();
    assert_eq!(sizes(deliveries, 2), (vec![2, 2], 0));
}

#[test]
fn parcels_beyond_the_cap_go_back() {
    let deliveries = (0..5).map(|_| parcel("mail", 200_000, 10)).collect();
    assert_eq!(sizes(deliveries, 2), (vec![1, 1], 3));
}

#[test]
fn a_parcel_of_a_newer_version_is_neither_launched_nor_buried() {
    let mut newer = parcel("mail", 100, 10);
    newer.body = [&[2], &newer.body[1..]].concat().into();
    let deliveries = vec![newer, parcel("mail", 100, 10)];
    let plan = plan(deliveries, MESSAGE_BYTES, 8, &DispatcherOptions::new(["default"]));
    assert_eq!((plan.invocations.len(), plan.newer.len(), plan.unreadable.len()), (1, 1, 0));
}

#[test]
fn a_message_that_is_no_parcel_is_buried_and_the_rest_goes_on() {
    let mut stranger = parcel("mail", 100, 10);
    stranger.body = Bytes::from_static(b"hello");
    let deliveries = vec![stranger, parcel("mail", 100, 10)];
    let plan = plan(deliveries, MESSAGE_BYTES, 8, &DispatcherOptions::new(["default"]));
    assert_eq!(plan.invocations.len(), 1);
    let reason = plan.unreadable[0].1.to_string();
    assert!(reason.starts_with("a parcel ends too early"), "{reason}");
}
