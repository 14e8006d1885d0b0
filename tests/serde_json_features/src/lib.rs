//! Tests arguments given as JSON with all features of `serde_json` that change a `Value` (pythonize#101).

#![cfg(test)]

use celeriac_core::{
    task::{Options, Task, arguments},
    wire::{Json, decode_args},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Numbers {
    small: u8,
    #[serde(default)]
    signed: i64,
    #[serde(default)]
    real: f64,
    #[serde(default)]
    wide: u128,
    #[serde(default)]
    loose: Vec<Loose>,
    #[serde(flatten)]
    flat: Option<Flat>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Whole(i32),
    Real(f32),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    flat: u16,
}

impl Task for Numbers {
    const NAME: &'static str = "numbers";
    const OPTIONS: Options = Options::new();
    type Args = Self;
    type Output = ();
}

fn read(text: &str) -> Numbers {
    let given: Value = serde_json::from_str(text).expect("it is JSON");
    let bytes = arguments::accept::<Numbers>(&given).expect("these are its arguments");
    decode_args(&bytes).expect("they were just encoded")
}

#[test]
fn numbers_are_read() {
    let args = read(r#"{ "small": 1, "signed": -7, "real": 1.50, "loose": [3, 0.50, -1], "flat": 300 }"#);
    let loose = vec![Loose::Whole(3), Loose::Real(0.5), Loose::Whole(-1)];
    assert_eq!(args, Numbers { small: 1, signed: -7, real: 1.5, wide: 0, loose, flat: Some(Flat { flat: 300 }) });
}

#[test]
fn shown_json_is_read_again() {
    let given = json!({ "small": 1, "signed": -7, "real": 0.1, "loose": [0.5], "flat": 300 });
    let bytes = arguments::accept::<Numbers>(&given).expect("these are its arguments");
    let shown: Json = arguments::show::<Numbers>(&bytes).expect("these are its arguments");
    let shown = serde_json::to_string(&shown).expect("it was read when it was made");
    assert_eq!(read(&shown), decode_args(&bytes).expect("they were just encoded"));
}

#[test]
fn a_wrong_number_is_named() {
    let wrong = arguments::accept::<Strict>(&json!({ "small": 300 })).expect_err("300 is no u8");
    // This is serde_json's message about a number that it keeps as a text.
    assert_eq!(wrong, "argument `small`: invalid number");
}

#[derive(Debug, Serialize, Deserialize)]
struct Strict {
    small: u8,
}

impl Task for Strict {
    const NAME: &'static str = "strict";
    const OPTIONS: Options = Options::new();
    type Args = Self;
    type Output = ();
}
