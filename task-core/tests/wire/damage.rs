//! Tests bytes that are no parcel, or a damaged one: always an error that names the fault, never a panic.

use bytes::Bytes;
use celeriac_core::{
    bitmap::Bitmap,
    parcel::Parcel,
    ports::{ChildPlan, Seal},
    wire::{Header, Json, MAX_INDEX, WireError},
};
use proptest::prelude::*;

use super::{parcels::*, raw};

fn samples() -> [Bytes; 2] {
    let small = pack(header(0), [mail("ada@example.org", "welcome")]);
    let compressed = pack(header(0), (0..20).map(|n| mail(&format!("user{n}@example.org"), "welcome")));
    assert_eq!((small[1], compressed[1]), (0, 1), "one of each");
    [small, compressed]
}

#[test]
fn every_flipped_bit_is_found() {
    for parcel in samples() {
        for at in 0..parcel.len() {
            for bit in 0..8 {
                let mut damaged = parcel.to_vec();
                damaged[at] ^= 1 << bit;
                assert!(Parcel::open(&damaged.clone().into()).is_err(), "bit {bit} of byte {at}");
                // A dispatcher reads the header without the checksum: it may be misled, but must not crash.
                let _ = Header::peek(&damaged);
            }
        }
    }
}

#[test]
fn every_cut_is_found() {
    for parcel in samples() {
        for length in 0..parcel.len() {
            let cut = parcel.slice(..length);
            assert!(Parcel::open(&cut).is_err(), "{length} bytes of {}", parcel.len());
            let _ = Header::peek(&cut);
        }
        let longer = Bytes::from([parcel.as_ref(), &[0]].concat());
        assert!(matches!(raw::error(&longer), WireError::Checksum { .. }));
    }
    assert_eq!(raw::refusal(&Bytes::new()), "a parcel ends too early: its first part needs 6 bytes, 0 are there");
}

#[test]
fn a_newer_version_waits_for_a_deploy() {
    let body = b"\x81\xa4args\x90";
    for version in [2, 31] {
        let parcel = raw::envelope(version, 0x80, &raw::header(0), body.len() as u32, body);
        let text = format!(
            "a parcel of format version {version}; this program reads up to version 1: it waits until a newer Celeriac is \
             deployed here"
        );
        assert_eq!(raw::refusal(&parcel), text);
        assert_eq!(Header::peek(&parcel).unwrap_err(), WireError::Newer { found: version });
        let stub = &parcel[..6 + raw::header(0).len()];
        assert!(celeriac_core::wire::is_stub(stub) && !celeriac_core::wire::is_stub(&parcel), "a bucket has its rest");
        assert_eq!(Header::peek(stub).unwrap_err(), WireError::Newer { found: version });
    }
}

/// Text, and what other programs send, is no newer parcel, or it would wait for ever.
#[test]
fn only_the_layout_that_all_versions_have_is_a_newer_version() {
    let no_map = raw::envelope(2, 0, b"\x93\x01\x02\x03", 0, b"");
    let texts = [&b"\thello, is this mail?"[..], b"\n\nhello, is this mail?", b"\x1f\x8b\x08\0\0\0\0\0\0\x03 of gzip"];
    for bytes in texts.into_iter().chain([&no_map[..]]) {
        assert_eq!(raw::error(&Bytes::copy_from_slice(bytes)), WireError::Version { found: bytes[0] });
    }
}

#[test]
fn an_unknown_version_says_to_deploy() {
    let body = b"\x81\xa4args\x90";
    for version in [0, 32, b'{'] {
        let parcel = raw::envelope(version, 0, &raw::header(0), body.len() as u32, body);
        let text = format!(
            "a parcel of format version {version}; this program reads up to version 1: deploy it anew with a newer \
             Celeriac, or look for who else sends to this queue"
        );
        assert_eq!(raw::refusal(&parcel), text);
        assert_eq!(Header::peek(&parcel).unwrap_err().to_string(), text);
    }
}

#[test]
fn unknown_flags_are_refused() {
    let parcel = raw::envelope(1, 0x82, &raw::header(0), 0, b"");
    assert_eq!(raw::refusal(&parcel), "a parcel with unknown flags 0x82: sent by a newer program, or not a parcel");
}

#[test]
fn a_wrong_checksum_is_told() {
    let mut parcel = samples()[0].to_vec();
    let last = parcel.len() - 1;
    parcel[last] ^= 0xff;
    assert!(raw::refusal(&parcel.into()).starts_with("a damaged parcel: its checksum is "));
}

#[test]
fn a_count_that_is_not_true_is_refused() {
    let parcel = raw::with_body(3, b"\x81\xa4args\x91\xc4\x01\x80");
    assert_eq!(raw::refusal(&parcel), "a parcel whose header says 3 calls and whose body has 1; at most 4096");
}

#[test]
fn a_header_that_is_too_large_or_none_is_refused() {
    let parcel = raw::envelope(1, 0, &[0xc0; 5000], 0, b"");
    assert_eq!(raw::refusal(&parcel), "a parcel header of 5000 bytes; at most 4096");
    let refused = [
        (raw::encode(&Header { attempt: 0, count: 1, ..header(0) }), "attempt 0; attempts count from 1"),
        (
            raw::encode(&Header { count: 1, ..header(MAX_INDEX + 1) }),
            "first index 4611686018427387905; at most 4611686018427387904",
        ),
        (
            raw::encode(&Header { task: "t".repeat(129), count: 1, ..header(0) }),
            "a task name of 129 bytes; at most 128",
        ),
        (
            raw::encode(&Header { queue: "mail\n".to_owned(), count: 1, ..header(0) }),
            "queue `mail\\n`: a queue has 1 to 80 letters, digits, `_` or `-`",
        ),
        (b"\x81\xa2id\xc4\x02\x00\x00".to_vec(), "an id has 16 bytes, not 2"),
        (b"\x81\xa2id\x07".to_vec(), "invalid type: integer `7`, expected a borrowed byte array"),
        (b"\x80".to_vec(), "missing field `id`"),
    ];
    for (header, why) in refused {
        assert_eq!(raw::refusal(&raw::with_header(&header)), format!("a parcel header that cannot be read: {why}"));
    }
}

#[test]
fn a_body_that_is_none_is_refused() {
    let refused: [(&[u8], &str); 7] = [
        (b"\x80", "missing field `args`"),
        (b"\x81\xa4args\x91\x07", "invalid type: integer `7`, expected a borrowed byte array"),
        // Arguments in the wrong place are not shown: they may be private, and long.
        (b"\x81\xa4args\xa7hunter2", "invalid type: string, expected a list of calls"),
        (b"\xa7hunter2", "invalid type: string, expected struct Body"),
        (b"\x82\xa4args\x91\xc4\x01\x80\xa7indexes\xc4\x01\x03", "2 indexes for 1 calls"),
        (b"\x82\xa4args\x91\xc4\x01\x80\xa7indexes\xc4\x00", "0 indexes for 1 calls"),
        (b"\x82\xa4args\x91\xc4\x01\x80\xa7indexes\x07", "invalid type: integer `7`, expected byte array"),
    ];
    for (body, why) in refused {
        assert_eq!(raw::refusal(&raw::with_body(1, body)), format!("a parcel body that cannot be read: {why}"));
    }
    let far = [b"\x82\xa4args\x91\xc4\x01\x80\xa7indexes\xc5\x02\x01".as_slice(), &[0; 512], &[1]].concat();
    assert_eq!(
        raw::refusal(&raw::with_body(1, &far)),
        "a parcel body that cannot be read: a set of indexes of 513 bytes; at most 512"
    );
}

#[test]
fn a_body_that_does_not_decompress_is_refused() {
    let parcel = raw::envelope(1, 1, &raw::header(1), 100, b"not zstd at all");
    assert!(raw::refusal(&parcel).starts_with("a parcel body that cannot be decompressed: "));
    let body = b"\x81\xa4args\x91\xc4\x01\x80";
    let small = zstd::bulk::compress(body, 1).unwrap();
    let parcel = raw::envelope(1, 1, &raw::header(1), body.len() as u32 + 1, &small);
    assert_eq!(raw::refusal(&parcel), "a parcel ends too early: the body needs 11 bytes, 10 are there");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Nonsense under a valid checksum, as from a broken or hostile writer: it is refused, or all parts of the parcel
    /// are usable.
    #[test]
    fn nonsense_under_a_valid_checksum_does_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        sample in 0..2_usize,
    ) {
        let mut bytes = samples()[sample].to_vec();
        bytes.truncate(bytes.len() - 4);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        let _ = Header::peek(&bytes);
        if let Ok(parcel) = Parcel::open(&bytes.into()) {
            let all = ChildPlan { calls: Bitmap::full(parcel.count()), attempt: 2, due_ms: 0 };
            for child in parcel.children(&Seal { children: vec![all] }) {
                prop_assert_eq!(Parcel::open(&child.body).unwrap().count(), parcel.count());
            }
            for position in 0..parcel.count() {
                let _ = (parcel.call(position).to_string(), Json::of(parcel.args(position).clone()));
            }
        }
    }
}
