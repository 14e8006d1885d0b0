//! Small parcels that claim, or unfold to, gigabytes: an error in memory that does not depend on what they claim.

use std::io::Write as _;

use task_core::wire::{MAX_BODY_BYTES, MAX_CALLS, to_json};

use super::raw;

const GIB: usize = 1 << 30;

/// A frame of that many zeros that says nothing of its size, as a stream's is.
fn zeros(bytes: usize) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    let block = vec![0; 1 << 20];
    for _ in 0..bytes / block.len() {
        encoder.write_all(&block).unwrap();
    }
    encoder.finish().unwrap()
}

/// The most memory that this process has had, in bytes.
#[cfg(target_os = "linux")]
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[cfg(not(target_os = "linux"))]
fn peak() -> usize {
    0
}

#[test]
fn fixed_memory_whatever_is_claimed() {
    let largest = MAX_BODY_BYTES as u32;
    let unfolds = zeros(GIB);
    assert!(unfolds.len() < 256 * 1024, "it would fit a message");
    let mut says = unfolds.clone();
    // The frame's descriptor: a single segment with an 8-byte content size instead of a window.
    says.splice(4..6, [0b1110_0000].into_iter().chain((GIB as u64).to_le_bytes()));

    let mut many = b"\x81\xa4args\xdd".to_vec();
    many.extend_from_slice(&8_000_000_u32.to_be_bytes());
    many.extend_from_slice(&b"\xc4\x00".repeat(8_000_000));
    let many_bytes = many.len() as u32;
    let many = zstd::bulk::compress(&many, 1).unwrap();

    let before = peak();
    let cannot = "a parcel body that cannot be ";
    let wrong = [
        (
            raw::envelope(1, 1, &raw::header(1), u32::MAX, &unfolds),
            "a parcel body of 4294967295 bytes; at most 16777216",
        ),
        (raw::envelope(1, 1, &raw::header(1), largest, &unfolds), "decompressed: Destination buffer is too small"),
        (
            raw::envelope(1, 1, &raw::header(1), largest, &says),
            "decompressed: Destination buffer is too small: 1073741824 bytes needed, 16777216 given",
        ),
        (raw::envelope(1, 1, &raw::header(MAX_CALLS), many_bytes, &many), "read: more than 4096 calls"),
        (raw::with_body(MAX_CALLS, b"\x81\xa4args\xdd\xff\xff\xff\xff"), "read: "),
        (raw::with_body(1, b"\x81\xa4args\x91\xc6\xff\xff\xff\xff"), "read: "),
        (raw::with_body(1, &[b"\x82\xa1x".as_slice(), &vec![0x91; 1 << 20]].concat()), "read: depth limit exceeded"),
    ];
    for (parcel, why) in &wrong {
        let text = raw::refusal(parcel);
        let why = if why.starts_with("a parcel") { (*why).to_owned() } else { format!("{cannot}{why}") };
        assert!(text.starts_with(&why), "{text}");
    }
    let grown = peak() - before;
    assert!(grown < 4 * MAX_BODY_BYTES, "{grown} bytes for parcels of at most {} bytes", unfolds.len());
}

/// Before, room for as many values as an array says it has was made at once, and the process ended: whoever looked at
/// such a dead letter.
#[test]
fn json_of_an_array_that_says_it_has_four_thousand_million() {
    for claims in
        [b"\xdd\xff\xff\xff\xff\x07".as_slice(), b"\x81\xa1a\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff\x07\x07"]
    {
        assert!(to_json(claims).is_err());
    }
}

/// A map as the key of a map as the key of a map: each level of text in text would double the backslashes.
#[test]
fn json_of_keys_that_are_maps_is_refused() {
    let args = [b"\x81".repeat(100).as_slice(), b"\xa1x", &b"\xc0".repeat(100)].concat();
    assert_eq!(to_json(&args).unwrap_err().to_string(), "JSON has no lists or maps as keys");
}
