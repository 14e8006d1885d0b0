//! Tests the encoding of arguments and results: old calls, nesting, JSON.

use std::{collections::BTreeMap, path::PathBuf};

use celeriac_core::wire::{Json, MAX_DEPTH, decode_args, encode_args, from_json};
use serde::{Deserialize, Serialize};
use serde_json::json;

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    encode_args(value, &mut out).unwrap();
    out
}

#[derive(Serialize)]
struct Yesterday {
    to: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Today {
    to: String,
    #[serde(default = "plain")]
    template: String,
    note: Option<String>,
}

fn plain() -> String {
    "plain".to_owned()
}

#[test]
fn an_argument_added_with_a_default_reads_old_calls() {
    let old = encode(&Yesterday { to: "ada@example.org".to_owned() });
    let read: Today = decode_args(&old).unwrap();
    assert_eq!(read, Today { to: "ada@example.org".to_owned(), template: plain(), note: None });
}

#[test]
fn an_argument_taken_away_reads_old_calls() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Tomorrow {
        template: String,
    }
    let old = encode(&Today { to: String::new(), template: "x".to_owned(), note: None });
    assert_eq!(decode_args::<Tomorrow>(&old).unwrap(), Tomorrow { template: "x".to_owned() });
}

#[test]
fn a_missing_argument_is_named() {
    let error = decode_args::<Today>(&encode(&json!({ "template": "x" }))).unwrap_err();
    assert_eq!(error.to_string(), "missing field `to`");
}

#[test]
fn nesting_beyond_the_limit_is_an_error() {
    let nested = |depth: usize| {
        let mut bytes = vec![0x91; depth];
        bytes.push(0xc0);
        bytes
    };
    assert!(Json::of(nested(MAX_DEPTH - 1)).is_ok());
    for depth in [MAX_DEPTH, 10_000, 1_000_000] {
        let error = Json::of(nested(depth)).unwrap_err().to_string();
        assert_eq!(error, "depth limit exceeded");
        let error = decode_args::<serde_json::Value>(&nested(depth)).unwrap_err().to_string();
        assert_eq!(error, "depth limit exceeded");
    }
}

#[test]
fn json_shows_every_type_of_message_pack() {
    #[derive(Serialize)]
    struct All {
        bytes: serde_bytes::ByteBuf,
        keys: BTreeMap<u8, bool>,
        path: PathBuf,
        real: f64,
        large: u64,
        pair: (i8, Option<char>),
    }
    let all = All {
        bytes: serde_bytes::ByteBuf::from([1, 255]),
        keys: [(7, true)].into(),
        path: PathBuf::from("/tmp/ä"),
        real: 0.5,
        large: u64::MAX,
        pair: (-1, None),
    };
    let expected = json!({
        "bytes": [1, 255], "keys": {"7": true}, "path": "/tmp/ä", "real": 0.5, "large": u64::MAX, "pair": [-1, null]
    });
    assert_eq!(shown(&all), expected);
}

/// The JSON that people are shown, as a script reads it.
fn shown<T: Serialize>(value: &T) -> serde_json::Value {
    let text = serde_json::to_string(&Json::of(encode(value)).unwrap()).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn json_has_no_other_keys_than_texts_numbers_and_booleans() {
    assert_eq!(shown(&BTreeMap::from([(false, 1), (true, 2)])), json!({ "false": 1, "true": 2 }));
    for key in [b"\xc0".as_slice(), b"\x90", b"\x80", b"\xc4\x01a", b"\xd4\x05a"] {
        let args = [b"\x81", key, b"\xc0"].concat();
        assert_eq!(Json::of(args).unwrap_err().to_string(), "key must be a string");
    }
    // A map as the key of a map as the key of a map: written as text in text in text, each level would double the
    // backslashes.
    assert!(Json::of([&b"\x81".repeat(100)[..], b"\xa1x", &b"\xc0".repeat(100)].concat()).is_err());
}

/// An array once got room for as many values as it claimed to have. That killed the process that showed such a dead
/// letter.
#[test]
fn json_of_an_array_that_says_it_has_four_thousand_million() {
    for claims in
        [b"\xdd\xff\xff\xff\xff\x07".as_slice(), b"\x81\xa1a\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff\x07\x07"]
    {
        assert!(Json::of(claims).is_err());
    }
}

/// Numbers are shown and then passed to `call` again.
#[test]
fn reals_are_read_as_they_are_shown() {
    for real in [0.1, 1.0 / 3.0, 5e-324, f64::MAX, -0.0] {
        let again: f64 = decode_args(&from_json(&shown(&real)).unwrap()).unwrap();
        assert_eq!(again.to_bits(), real.to_bits(), "{real:e}");
    }
}

#[test]
fn arguments_given_as_json_are_read_like_values() {
    let given = from_json(&json!({ "template": "welcome", "to": "ada@example.org", "note": "ü" })).unwrap();
    let read: Today = decode_args(&given).unwrap();
    assert_eq!(read.note.as_deref(), Some("ü"));
    assert_eq!(read, decode_args(&encode(&read)).unwrap());
}
