//! Arguments and results: old calls, nesting, JSON.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;
use task_core::wire::{MAX_DEPTH, decode_args, encode_args, from_json, to_json};

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
    assert!(to_json(&nested(MAX_DEPTH - 1)).is_ok());
    for depth in [MAX_DEPTH, 10_000, 1_000_000] {
        let error = to_json(&nested(depth)).unwrap_err().to_string();
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
    assert_eq!(to_json(&encode(&all)).unwrap(), expected);
}

#[test]
fn arguments_given_as_json_are_read_like_values() {
    let given = from_json(&json!({ "template": "welcome", "to": "ada@example.org", "note": "ü" })).unwrap();
    let read: Today = decode_args(&given).unwrap();
    assert_eq!(read.note.as_deref(), Some("ü"));
    assert_eq!(read, decode_args(&encode(&read)).unwrap());
}
