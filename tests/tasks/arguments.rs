//! The arguments of tasks: their names, their JSON, and errors that name the wrong one.

use celeriac::{Context, Perform, Registry, Task, task};
use celeriac_core::{
    task::Fields,
    wire::{Json, from_json},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::run::{run, task_of, text};

/// Its arguments have names that are not identifiers, or that generated code uses.
#[task]
async fn odd(r#type: u8, #[serde(rename = "max-size", default)] max_size: u64, args: u8, cx: u8, item: u8) {
    std::hint::black_box((r#type, max_size, args, cx, item));
}

/// Panics when it is read.
#[derive(Serialize)]
struct Fragile;

impl<'de> Deserialize<'de> for Fragile {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("it broke")
    }
}

#[task]
async fn unpack(thing: Fragile) {
    std::hint::black_box(thing);
}

/// Its arguments have names that only serde knows.
#[derive(Task, Serialize, Deserialize)]
#[task(name = "cased")]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
struct Cased {
    first_name: String,
    #[serde(alias = "age", alias = "years")]
    age_in_years: u8,
    #[serde(skip)]
    cached: bool,
}

impl Perform for Cased {
    type Output = String;
    type Error = std::io::Error;

    async fn perform(self, _: &Context) -> Result<String, std::io::Error> {
        Ok(format!("{} is {}, {}", self.first_name, self.age_in_years, self.cached))
    }
}

/// Is read as another type.
#[derive(Clone, Task, Serialize, Deserialize)]
#[task(name = "from_wire")]
#[serde(from = "Wire", into = "Wire")]
struct FromWire {
    sum: u32,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    left: u32,
    right: u32,
}

impl From<Wire> for FromWire {
    fn from(wire: Wire) -> Self {
        Self { sum: wire.left + wire.right }
    }
}

impl From<FromWire> for Wire {
    fn from(task: FromWire) -> Self {
        Self { left: task.sum, right: 0 }
    }
}

impl Perform for FromWire {
    type Output = u32;
    type Error = std::io::Error;

    async fn perform(self, _: &Context) -> Result<u32, std::io::Error> {
        Ok(self.sum)
    }
}

#[test]
fn arguments_have_their_names_in_queued_calls() {
    assert_eq!(task_of("mail.send").args, ["to", "template"]);
    assert_eq!(task_of("resize").args, ["path", "sizes", "dpi"]);
    assert_eq!(task_of("odd").args, ["type", "max-size", "args", "cx", "item"]);
    assert_eq!(task_of("report.nightly").args, ["day", "for"]);
    assert!(task_of("tick").args.is_empty());
    for def in Registry::linked().unwrap().iter() {
        let Fields::Named(read) = (def.fields)() else { panic!("{} is open", def.name) };
        assert!(def.arg_names().iter().all(|name| read.contains(name)), "{}: {read:?}", def.name);
    }
    assert_eq!(task_of("cased").arg_names(), ["FIRST-NAME", "AGE-IN-YEARS"]);
    assert_eq!(task_of("from_wire").arg_names(), ["left", "right"]);
}

#[test]
fn arguments_given_as_json_are_sent_as_the_task_sends_them() {
    let accept = |name: &str, args: Value| (task_of(name).accept)(&args);
    let cased = accept("cased", json!({ "FIRST-NAME": "ada", "age": 36 })).unwrap();
    assert_eq!(
        serde_json::to_value(Json::of(cased).unwrap()).unwrap(),
        json!({ "FIRST-NAME": "ada", "AGE-IN-YEARS": 36 })
    );
    assert_eq!(accept("report.nightly", json!({})), Ok(vec![0x80]));
    let wrong = accept("log_in", json!({ "user": "ada", "password": ["hunter2"] }));
    assert_eq!(wrong, Err("argument `password`: holds a secret that cannot be read".to_owned()));
}

#[test]
fn arguments_that_panic_when_they_are_read_are_said_to() {
    let bytes = from_json(&json!({ "thing": null })).unwrap();
    let said = (task_of("unpack").check)(&bytes).unwrap_err();
    assert!(said.starts_with("panicked while they were read") && said.ends_with(": it broke"), "{said}");
    assert!((task_of("unpack").show)(&bytes).is_none());
}

/// Calls queued by an older program lack the arguments that were added since. Calls of a newer program have more.
#[tokio::test]
async fn calls_of_other_versions_are_read() {
    let ended = run("resize", json!({ "path": "a.png", "sizes": [] })).await.unwrap();
    assert!(text(ended).starts_with("a.png to [], None"));
    let ended = run("resize", json!({ "path": "a.png", "sizes": [], "dpi": 72, "crop": { "x": [1] } })).await.unwrap();
    assert!(text(ended).starts_with("a.png to [], Some(72)"));
}

#[tokio::test]
async fn a_wrong_argument_is_named() {
    for (name, args, said) in [
        ("mail.send", json!({ "to": "ada" }), "missing argument `template`"),
        ("mail.send", json!({}), "missing argument `to`"),
        (
            "mail.send",
            json!({ "to": "ada", "template": 5 }),
            "argument `template`: invalid type: integer `5`, expected a string",
        ),
        ("resize", json!({ "path": "a.png", "sizes": [16, "big"] }), "argument `sizes[1]`: invalid type: string"),
        (
            "resize",
            json!({ "path": "a.png", "sizes": [-1] }),
            "argument `sizes[0]`: invalid value: integer `-1`, expected u32",
        ),
        (
            "odd",
            json!({ "type": 300, "args": 0, "cx": 0, "item": 0 }),
            "argument `type`: invalid value: integer `300`, expected u8",
        ),
        ("tick", json!("now"), "invalid type, expected the arguments by name"),
        ("report.nightly", json!({ "day": 1 }), "missing argument `for`"),
    ] {
        let bytes = from_json(&args).unwrap();
        assert_eq!((task_of(name).check)(&bytes), Err(said.to_owned()), "{name} {args}");
        assert_eq!(run(name, args).await.map(drop), Err(said.to_owned()));
    }
    assert_eq!((task_of("ping").check)(&from_json(&json!({ "to": "ada" })).unwrap()), Ok(()));
    assert!((task_of("ping").check)(&[0xc1]).is_err());
}
