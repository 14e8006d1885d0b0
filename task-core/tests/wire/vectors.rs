//! Compares the test vectors of `docs/wire-format.md` in `tests/vectors` with this crate, and with an independent
//! reader and writer in Python.
//!
//! `UPDATE_VECTORS=1 cargo test -p task-core --test wire` rewrites them. That is a change of the format, and so of its
//! version, unless it only adds parts that old programs skip.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use celeriac_core::{
    id::{BatchId, ParcelId},
    parcel::Parcel,
    ports::{ChildPlan, Seal},
    wire::{Header, Json, encode_args, from_json},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::parcels::*;

/// Types that have a form for people: that one is sent.
#[derive(Serialize)]
struct Forms {
    address: IpAddr,
    socket: SocketAddr,
    at: SystemTime,
    took: Duration,
    letter: char,
    by_address: BTreeMap<IpAddr, u8>,
    ended: Result<u8, String>,
}

fn forms() -> Vec<u8> {
    let forms = Forms {
        address: IpAddr::from([127, 0, 0, 1]),
        socket: SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 8080)),
        at: SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 5),
        took: Duration::from_millis(1500),
        letter: 'ß',
        by_address: BTreeMap::from([(IpAddr::from([10, 0, 0, 1]), 7)]),
        ended: Err("no".to_owned()),
    };
    let mut args = Vec::new();
    encode_args(&forms, &mut args).unwrap();
    args
}

/// Each vector's name, and its parcel as this crate makes it.
fn vectors() -> Vec<(&'static str, Bytes)> {
    let one = pack(header(0), [mail("ada@example.org", "welcome")]);

    let scheduled = Header {
        counted: true,
        due_ms: 1_700_000_600_000,
        expires_ms: Some(1_700_003_600_000),
        call_ms: 250,
        ..header(4096)
    };
    let people = (0..40).map(|n| mail(&format!("user{n:02}@example.org"), "spring"));
    let compressed = pack(scheduled, people);

    let rich = json!({ "text": "Grüße, 世界", "list": [1, -1, 0.5, null, true], "deep": { "n": 4_294_967_296_u64 } });
    let types = pack(header(7), [from_json(&rich).unwrap(), from_json(&json!({})).unwrap()]);

    let forms = pack(header(9), [forms()]);

    let retried = ChildPlan { calls: [1, 2, 19, 39].into_iter().collect(), attempt: 2, due_ms: 1_700_000_660_000 };
    let parent = Parcel::open(&compressed).unwrap();
    let child = parent.children(&Seal { children: vec![retried] }).remove(0).body;

    vec![("one", one), ("compressed", compressed), ("types", types), ("forms", forms), ("child", child)]
}

/// A parcel in the form of the vectors' JSON.
fn describe(parcel: &Bytes) -> Value {
    let parcel = Parcel::open(parcel).unwrap();
    let mut header = json(rmp_serde::to_vec_named(&parcel.header).unwrap());
    for id in ["id", "parent", "batch"] {
        if let Some(bytes) = header.get(id).and_then(Value::as_array) {
            let bytes: Vec<u8> = bytes.iter().map(|byte| byte.as_u64().unwrap() as u8).collect();
            header[id] = hex(&bytes).into();
        }
    }
    let call = |position| json!({ "index": parcel.index(position), "args": json(parcel.args(position).clone()) });
    json!({ "header": header, "calls": (0..parcel.count()).map(call).collect::<Vec<_>>() })
}

fn json(bytes: impl Into<Bytes>) -> Value {
    serde_json::to_value(Json::of(bytes).unwrap()).unwrap()
}

fn ids() -> Value {
    let batch = BatchId::new(1_700_000_000_000, 42);
    let root = ParcelId::root(batch, 0);
    json!({
        "batch": hex(&batch.to_bytes()),
        "root of the calls from 0": hex(&root.to_bytes()),
        "root of the calls from 4096": hex(&ParcelId::root(batch, 4096).to_bytes()),
        "child 0 of the root from 0": hex(&root.child(0).to_bytes()),
        "child 7 of the root from 0": hex(&root.child(7).to_bytes()),
        "call 5 revived, dead at 1700000000000": hex(&ParcelId::revived(batch.call(5), 1_700_000_000_000).to_bytes()),
        "batch of mail.send with the key welcome:ada": hex(&BatchId::from_key("mail.send", "welcome:ada").to_bytes()),
    })
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

/// The text of a vector's file; written first if the environment asks for it.
fn kept(name: &str, made: &str) -> String {
    let path = file(name);
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        fs::write(&path, made).unwrap();
    }
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Hex in lines of 32 bytes, for people to read and compare.
fn hex_lines(bytes: &[u8]) -> String {
    bytes.chunks(32).map(|line| hex(line) + "\n").collect()
}

fn from_hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

#[test]
fn this_crate_reads_and_writes_them() {
    for (name, made) in vectors() {
        let parcel = from_hex(&kept(&format!("{name}.hex"), &hex_lines(&made)));
        let described = pretty(&describe(&parcel));
        assert_eq!(described, kept(&format!("{name}.json"), &described), "{name} means something else");
        assert_eq!(describe(&made), describe(&parcel), "{name} is made otherwise");
        // The compressed bytes are up to zstd, whose next version may compress better.
        if made[1] == 0 {
            assert_eq!(hex(&made), hex(&parcel), "{name} is written otherwise");
        }
    }
}

#[test]
fn ids_are_derived_as_written_down() {
    assert_eq!(pretty(&ids()), kept("ids.json", &pretty(&ids())));
}

/// Runs `docs/wire_format.py`.
fn python(command: &str, input: &str) -> String {
    let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut program = Command::new(repo.join(".venv/bin/python"));
    let program = program.arg(repo.join("docs/wire_format.py")).arg(command);
    let started = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut started = started.expect("the tests' Python environment is there: `tests/python` sets it up");
    started.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = started.wait_with_output().unwrap();
    assert!(output.status.success(), "docs/wire_format.py {command}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn another_language_reads_them() {
    for (name, _) in vectors() {
        let read: Value =
            serde_json::from_str(&python("read", &fs::read_to_string(file(&format!("{name}.hex"))).unwrap())).unwrap();
        let kept: Value = serde_json::from_str(&fs::read_to_string(file(&format!("{name}.json"))).unwrap()).unwrap();
        assert_eq!(read, kept, "{name}");
    }
    assert_eq!(serde_json::from_str::<Value>(&python("ids", "")).unwrap(), ids());
}

#[test]
fn another_language_writes_them() {
    for (name, made) in vectors() {
        let written = python("write", &fs::read_to_string(file(&format!("{name}.json"))).unwrap());
        assert_eq!(describe(&from_hex(&written)), describe(&made), "{name}");
    }
}
