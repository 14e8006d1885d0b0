//! Tests that any calls survive a round trip.

use celeriac_core::Lane;
use celeriac_core::parcel::{Packer, Packing, Parcel};
use celeriac_core::wire::{Header, MAX_INDEX, MAX_TIME_MS};
use proptest::prelude::*;

use super::{parcels::*, raw};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_calls(
        calls in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..200),
        first in 0..=MAX_INDEX,
        times in prop::array::uniform3(0..=MAX_TIME_MS),
        expires_ms in prop::option::of(0..=MAX_TIME_MS),
        attempt in 1..=u32::MAX,
        counted: bool,
        lane in prop::option::of(prop::sample::select(Lane::ALL)),
        task in "[a-zA-Z0-9._:-]{1,128}",
        queue in "[a-zA-Z0-9_-]{1,80}",
    ) {
        let [created_ms, due_ms, not_after_ms] = times;
        let written = Header { attempt, counted, lane, task, queue, created_ms, due_ms, expires_ms, not_after_ms, ..header(first) };
        let written = Header { count: calls.len() as u32, ..written };
        let bytes = pack(written.clone(), &calls);

        prop_assert_eq!(&Header::peek(&bytes).unwrap(), &written);
        let read = Parcel::open(&bytes).unwrap();
        prop_assert_eq!(&read.header, &written);
        for (position, call) in (0..).zip(&calls) {
            prop_assert_eq!(read.args(position), call);
            prop_assert_eq!(read.call(position), written.batch.call(first + u64::from(position)));
        }
    }

    /// Neither the limit in bytes nor that in calls is ever exceeded, and no call that may be sent is too large.
    #[test]
    fn a_full_parcel_keeps_to_its_limits(bytes in 2048_usize..20_000, calls in 1_u32..50, seed in any::<u64>()) {
        let packing = Packing { calls, bytes, call_bytes: bytes };
        let mut packer = Packer::new(packing);
        prop_assert!(packer.fits(packing.args_bytes()));
        prop_assert!(!packer.fits(packing.args_bytes() + 1));
        let mut noise = seed;
        loop {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let call: Vec<u8> = (0..noise >> 54).map(|at| (noise >> (at % 57)) as u8).collect();
            if !packer.fits(call.len()) {
                break;
            }
            packer.push(&call);
        }
        let count = packer.count();
        let parcel = packer.encode(Header { task: "t".repeat(128), queue: "q".repeat(80), ..header(MAX_INDEX) });
        prop_assert!(count <= calls && parcel.len() <= bytes, "{count} calls, {} bytes", parcel.len());
        prop_assert_eq!(Parcel::open(&parcel).unwrap().count(), count);
        prop_assert_eq!((packer.count(), packer.fits(packing.args_bytes())), (0, true));
    }
}

#[test]
fn repetitive_bodies_are_compressed() {
    let parcel = pack(header(0), (0..1000).map(|n| mail(&format!("user{n}@example.org"), "welcome")));
    assert!(parcel.len() < 12_000, "{} bytes", parcel.len());
    assert_eq!(Parcel::open(&parcel).unwrap().args(999), &mail("user999@example.org", "welcome"));
}

#[test]
fn times_beyond_the_year_9999_are_read_as_its_end() {
    let never = Header { due_ms: u64::MAX, not_after_ms: u64::MAX, expires_ms: Some(u64::MAX), ..header(0) };
    let read = Header::peek(&pack(never, [[0x80]])).unwrap();
    assert_eq!((read.due_ms, read.not_after_ms, read.expires_ms), (MAX_TIME_MS, MAX_TIME_MS, Some(MAX_TIME_MS)));
}

#[test]
fn fields_that_a_newer_program_adds_are_passed_over() {
    let mut header = raw::header(1);
    assert_eq!(header[0] & 0xf0, 0x80, "a map of fewer than 16 fields");
    header[0] += 1;
    header.extend_from_slice(b"\xa8priority\x07");
    let body = b"\x82\xa4args\x91\xc4\x01\x80\xa5extra\xc3";
    let read = Parcel::open(&raw::envelope(1, 0, &header, body.len() as u32, body)).unwrap();
    assert_eq!(read.args(0).as_ref(), [0x80]);
}

#[test]
fn calls_that_name_no_lane_are_in_the_usual_one() {
    for (counted, usual) in [(false, Lane::Interactive), (true, Lane::Bulk)] {
        assert_eq!(Header { counted, ..header(0) }.lane(), usual);
        for lane in Lane::ALL {
            let named = Header { counted, lane: Some(*lane), ..header(0) };
            assert_eq!(Header::peek(&pack(named, [[0x80]])).unwrap().lane(), *lane);
        }
    }
}

/// A later version may have more lanes.
#[test]
fn an_unknown_lane_counts_as_none() {
    let named = Header { counted: true, lane: Some(Lane::Interactive), ..header(0) };
    let bytes = raw::encode(&Header { count: 1, ..named });
    let at = bytes.windows(11).position(|name| name == b"interactive").unwrap();
    let unknown = [&bytes[..at], b"impatiently", &bytes[at + 11..]].concat();
    let read = Parcel::open(&raw::with_header(&unknown)).unwrap().header;
    assert_eq!((read.lane, read.lane()), (None, Lane::Bulk));
}
