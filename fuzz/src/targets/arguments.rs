//! Fuzzes a call's arguments: a task with arguments of every kind reads them, explains their faults, shows them as
//! JSON, and reads that again.

use std::collections::BTreeMap;

use celeriac_core::{
    task::{Options, Task, arguments},
    wire::{Json, from_json},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Deserialize, Serialize)]
struct Everything {
    text: String,
    number: u8,
    signed: i64,
    real: f32,
    yes: bool,
    letter: Option<char>,
    unit: (),
    pair: (u16, String),
    list: Vec<u32>,
    map: BTreeMap<String, i8>,
    kind: Kind,
    loose: Loose,
    any: Value,
    like: Option<Box<Everything>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize, Serialize)]
enum Kind {
    Plain,
    New(u8),
    Pair(u8, String),
    Named { a: u8 },
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Loose {
    Number(u64),
    Text(String),
    Many(Vec<Loose>),
}

impl Task for Everything {
    const NAME: &'static str = "everything";
    const OPTIONS: Options = Options::new();
    type Args = Self;
    type Output = ();
}

/// The arguments of a derive without `flatten`, which would read everything through a buffer.
#[derive(Deserialize, Serialize)]
struct Strict {
    text: String,
    #[serde(default)]
    number: u8,
    #[serde(default)]
    kind: Option<Kind>,
    #[serde(default)]
    like: Option<Box<Strict>>,
}

impl Task for Strict {
    const NAME: &'static str = "strict";
    const OPTIONS: Options = Options::new();
    type Args = Self;
    type Output = ();
}

/// Reads, and holds what is shown against what is read from it.
pub fn run(data: &[u8]) {
    for wrong in [arguments::check::<Everything>(data), arguments::check::<Strict>(data)] {
        if let Err(why) = wrong {
            assert!(!why.is_empty());
        }
    }
    if let Ok(shown) = Json::of(data.to_vec())
        && let Some(value) = written(&shown)
    {
        let again = Json::of(from_json(&value).expect("JSON can be encoded")).expect("it was just encoded");
        assert_eq!(written(&again), Some(value));
    }
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        let bytes = from_json(&value).expect("JSON can be encoded");
        let _ = (arguments::check::<Everything>(&bytes), arguments::check::<Strict>(&bytes));
    }
}

/// The JSON shown to people, read again. `None` if it is nested deeper than `serde_json` reads, by the one list that
/// bytes become.
fn written(json: &Json) -> Option<Value> {
    let text = serde_json::to_string(json).expect("it was read when it was made");
    match serde_json::from_str(&text) {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(error.to_string().starts_with("recursion limit exceeded"), "what is written is JSON: {error}");
            None
        }
    }
}

/// Right arguments, nested ones, and each kind of JSON.
pub fn seeds() -> Vec<Vec<u8>> {
    let inner = json!({
        "text": "Grüße", "number": 7, "signed": -1, "real": 0.5, "yes": true, "letter": "x", "unit": null,
        "pair": [300, "b"], "list": [1, 70000], "map": { "a": -1 }, "kind": { "Named": { "a": 1 } },
        "loose": [1, "a", [2]], "any": { "deep": [null, 1.5, u64::MAX] }, "like": null, "more": [true]
    });
    let mut outer = inner.clone();
    outer["like"] = inner;
    outer["kind"] = json!("Plain");
    let strict = json!({ "text": "a", "number": 1, "kind": { "Pair": [1, "b"] }, "like": { "text": "b" } });
    let encoded = [&outer, &strict].map(|value| from_json(value).expect("JSON can be encoded"));
    encoded
        .into_iter()
        .chain([strict.to_string().into_bytes(), b"\xc7\x01\x05a\xc4\x02ab\xd4\x00\x00".to_vec()])
        .collect()
}
