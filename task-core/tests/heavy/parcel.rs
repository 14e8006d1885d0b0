//! Tests the memory of opening a parcel and making its children: small parcels that unfold to the limit, or claim to,
//! and large ones.

use std::io::Write as _;

use bytes::Bytes;
use celeriac_core::{
    bitmap::Bitmap,
    parcel::Parcel,
    ports::{ChildPlan, Seal},
    wire::{Header, MAX_BODY_BYTES, MAX_CALLS},
};

use crate::{
    ROOM, pack,
    peak::{self, hold},
    raw,
};

const GIB: usize = 1 << 30;

/// The error of a parcel that cannot be opened; nothing if it can, once its children are made.
fn open(parcel: &Bytes) -> String {
    let _ = Header::peek(parcel);
    let parcel = match Parcel::open(parcel) {
        Ok(parcel) => parcel,
        Err(error) => return error.to_string(),
    };
    for calls in [Bitmap::full(parcel.count()), (0..parcel.count()).step_by(2).collect()] {
        let plan = ChildPlan { calls, attempt: 2, due_ms: 0 };
        assert_eq!(parcel.children(&Seal { children: vec![plan] }).len(), 1);
    }
    String::new()
}

/// Opens it, and limits what it takes beside its bytes.
fn opened(what: &str, parcel: &Bytes) -> String {
    hold(what, parcel, |_| open(parcel))
}

/// A compressed parcel with this body.
fn compressed(count: u32, body: &[u8]) -> Bytes {
    let small = zstd::bulk::compress(body, 1).unwrap();
    raw::envelope(1, 1, &raw::header(count), body.len() as u32, &small)
}

/// A body with these encoded arguments.
fn body(count: u32, calls: &[u8]) -> Vec<u8> {
    [b"\x81\xa4args\xdd".as_slice(), &count.to_be_bytes(), calls].concat()
}

#[test]
fn the_largest_parcels_open() {
    let _alone = peak::alone();
    let one = body(1, &[&[0xc6], &(ROOM as u32).to_be_bytes()[..], &vec![7; ROOM]].concat());
    let each = ROOM / MAX_CALLS as usize - 3;
    let call = [&[0xc5], &(each as u16).to_be_bytes()[..], &vec![7; each]].concat();
    let many = body(MAX_CALLS, &call.repeat(MAX_CALLS as usize));
    let empty = body(MAX_CALLS, &b"\xc4\x00".repeat(MAX_CALLS as usize));
    for (what, count, body) in
        [("one call", 1, one), ("many calls", MAX_CALLS, many), ("empty calls", MAX_CALLS, empty)]
    {
        assert_eq!(opened(&format!("{what}, compressed"), &compressed(count, &body)), "");
        assert_eq!(opened(what, &raw::with_body(count, &body)), "");
    }
}

#[test]
fn errors_for_a_wrong_body_take_no_memory() {
    let _alone = peak::alone();
    for (what, value) in pack::fillings() {
        for (name, refusal) in [("args", true), ("indexes", true), ("none of these", false)] {
            let args = [&b"\x82\xa4args\x91\xc4\x00\xd9"[..], &[name.len() as u8], name.as_bytes(), &value].concat();
            let args = if name == "args" { [&b"\x81\xa4args"[..], &value].concat() } else { args };
            let said = opened(&format!("{what} for `{name}`"), &compressed(1, &args));
            assert!(!refusal || !said.is_empty(), "{what} for `{name}` was opened");
            assert!(said.len() < 4000, "{} bytes are said", said.len());
        }
        let said = opened(&format!("{what} for a body"), &compressed(1, &value));
        assert!((1..4000).contains(&said.len()), "{} bytes are said", said.len());
    }
}

/// A frame of this many zeros that does not state its size, as in a stream.
fn zeros(bytes: usize) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    let block = vec![0; 1 << 20];
    for _ in 0..bytes / block.len() {
        encoder.write_all(&block).unwrap();
    }
    encoder.finish().unwrap()
}

#[test]
fn bodies_that_unfold_to_or_claim_gigabytes_are_refused() {
    let _alone = peak::alone();
    let largest = MAX_BODY_BYTES as u32;
    let unfolds = zeros(GIB);
    assert!(unfolds.len() < 256 * 1024, "it would fit a message");
    let mut says = unfolds.clone();
    // The frame's descriptor: a single segment with an 8-byte content size instead of a window.
    says.splice(4..6, [0b1110_0000].into_iter().chain((GIB as u64).to_le_bytes()));
    let cannot = "a parcel body that cannot be ";
    for (what, parcel, why) in [
        (
            "four gigabytes claimed",
            raw::envelope(1, 1, &raw::header(1), u32::MAX, &unfolds),
            "a parcel body of 4294967295 bytes; at most 16777216".to_owned(),
        ),
        (
            "a gigabyte of zeros",
            raw::envelope(1, 1, &raw::header(1), largest, &unfolds),
            format!("{cannot}decompressed: Destination buffer is too small"),
        ),
        (
            "a gigabyte of zeros that says so",
            raw::envelope(1, 1, &raw::header(1), largest, &says),
            format!("{cannot}decompressed: Destination buffer is too small: 1073741824 bytes needed, 16777216 given"),
        ),
        (
            "eight million calls",
            compressed(MAX_CALLS, &body(8_000_000, &b"\xc4\x00".repeat(8_000_000))),
            format!("{cannot}read: more than 4096 calls"),
        ),
        ("as many calls as can be claimed", raw::with_body(MAX_CALLS, &body(u32::MAX, b"")), format!("{cannot}read: ")),
        (
            "a call as long as can be claimed",
            raw::with_body(1, b"\x81\xa4args\x91\xc6\xff\xff\xff\xff"),
            format!("{cannot}read: "),
        ),
        (
            "a million levels",
            raw::with_body(1, &[b"\x82\xa1x".as_slice(), &vec![0x91; 1 << 20]].concat()),
            format!("{cannot}read: depth limit exceeded"),
        ),
    ] {
        let said = opened(what, &parcel);
        assert!(said.starts_with(&why), "{said}");
    }
}
