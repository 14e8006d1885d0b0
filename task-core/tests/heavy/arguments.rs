//! Tests the memory of a call's arguments, with a task whose own types take no more than their input.

use std::{collections::BTreeMap, net::Ipv4Addr};

use celeriac_core::task::{Options, Secret, Task, arguments};
use serde::{Deserialize, Serialize};

use crate::{
    ROOM, pack,
    peak::{self, hold},
};

/// An argument of each kind.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Each {
    text: String,
    number: u32,
    real: f64,
    yes: bool,
    letter: char,
    unit: (),
    pair: (u16, String),
    list: Vec<u8>,
    map: BTreeMap<Key, u8>,
    kind: Kind,
    strict: Strict,
    bytes: serde_bytes::ByteBuf,
    secret: Secret<u32>,
    address: Option<Ipv4Addr>,
}

const NAMES: [&str; 15] = [
    "text",
    "number",
    "real",
    "yes",
    "letter",
    "unit",
    "pair",
    "list",
    "map",
    "kind",
    "strict",
    "bytes",
    "secret",
    "address",
    "none of these",
];

/// A key whose task keeps nothing of it, since memory that a task keeps is its own matter.
#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Key(usize);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&str>::deserialize(deserializer).map(|key| Self(key.len()))
    }
}

#[derive(Default, Deserialize, Serialize)]
enum Kind {
    #[default]
    Plain,
    New(u8),
    Named {
        a: u8,
    },
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Strict {
    a: u8,
}

impl Task for Each {
    const NAME: &'static str = "each";
    const OPTIONS: Options = Options::new();
    type Args = Self;
    type Output = ();
}

/// Encodes one argument by its name.
fn named(name: &str, value: &[u8]) -> Vec<u8> {
    [&[0x81, 0xd9, name.len() as u8], name.as_bytes(), value].concat()
}

/// The error for wrong arguments is short.
fn check(args: &[u8]) -> Result<(), String> {
    let checked = arguments::check::<Each>(args);
    if let Err(why) = &checked {
        assert!((1..4000).contains(&why.len()), "{} bytes are said", why.len());
    }
    checked
}

#[test]
fn errors_for_wrong_arguments_take_no_memory() {
    let _alone = peak::alone();
    for (what, value) in pack::fillings() {
        for name in NAMES {
            _ = hold(&format!("{what} for `{name}`"), &named(name, &value), check);
        }
        _ = hold(&format!("{what} for all arguments"), &value, check);
    }
}

#[test]
fn names_of_any_length_take_no_memory_to_say() {
    let _alone = peak::alone();
    let name = pack::text(ROOM);
    let keyed = |outer: &str, value: &[u8]| named(outer, &[&[0x81], &name[..], value].concat());
    for (what, args) in [
        ("of an argument", [&[0x81], &name[..], b"\xc0"].concat()),
        ("of a key whose value is wrong", keyed("map", b"\xa1x")),
        ("of a variant", keyed("kind", b"\xc0")),
        ("of a field that may not be", keyed("strict", b"\xc0")),
        ("of a unit variant", named("kind", &name)),
    ] {
        _ = hold(&format!("a long name {what}"), &args, check);
    }
}

#[test]
fn arguments_are_shown_in_no_more_than_they_were_sent() {
    let _alone = peak::alone();
    for (name, value) in
        [("text", pack::text(ROOM)), ("list", pack::list(ROOM, b"\x07")), ("list", pack::list(ROOM, b"\xcc\xff"))]
    {
        hold(&format!("`{name}` shown"), &named(name, &value), |args| {
            arguments::show::<Each>(args).unwrap();
        });
    }
}
