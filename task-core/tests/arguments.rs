//! Tests the errors for wrong arguments.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::BTreeMap;

use celeriac_core::{
    task::{Options, Task, arguments},
    wire::encode_args,
};
use serde::{Deserialize, Serialize};

/// A person who may contain further persons.
#[derive(Deserialize, Serialize)]
struct Person {
    boss: Option<Box<Person>>,
}

#[derive(Deserialize, Serialize)]
struct Hire {
    who: Person,
    #[serde(default)]
    wage: u32,
}

impl Task for Hire {
    const NAME: &'static str = "hire";
    const OPTIONS: Options = Options::new();
    type Args = Self;
    type Output = ();
}

/// Arguments nested as deep as a message allows. Naming the wrong one once recursed as deep, overflowed the thread's
/// stack, and killed the worker's process.
#[test]
fn nesting_beyond_the_limit_ends_no_process() {
    let args = [b"\x81\xa3who".as_slice(), &b"\x81\xa4boss".repeat(30_000), b"\xc0"].concat();
    let check = move || arguments::check::<Hire>(&args);
    // The stack of a thread that Rust starts. Threads that read arguments have such a stack.
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(check).unwrap();
    let why = thread.join().unwrap().unwrap_err();
    assert!(why.ends_with("depth limit exceeded"), "{why}");
    assert!(why.len() < 1_000, "{} bytes", why.len());
}

/// The error once held the whole text, and the expectation behind it was cut off.
#[test]
fn an_error_for_a_long_text_shows_its_start_and_what_is_expected() {
    let mut args = Vec::new();
    let text = "ä".repeat(5000);
    encode_args(&serde_json::json!({ "who": text }), &mut args).unwrap();
    let said = format!("argument `who`: invalid type: string \"{}…\", expected struct Person", "ä".repeat(80));
    assert_eq!(arguments::check::<Hire>(&args), Err(said));
}

/// The key of a map may be as long as a text.
#[test]
fn an_error_for_a_long_path_shows_its_start() {
    #[derive(Deserialize, Serialize)]
    struct Wages {
        by_name: BTreeMap<String, u32>,
    }
    impl Task for Wages {
        const NAME: &'static str = "wages";
        const OPTIONS: Options = Options::new();
        type Args = Self;
        type Output = ();
    }
    let mut args = Vec::new();
    let name = "n".repeat(5000);
    encode_args(&serde_json::json!({ "by_name": { name: null } }), &mut args).unwrap();
    let said = format!("argument `by_name.{}…`: invalid type: unit value, expected u32", "n".repeat(392));
    assert_eq!(arguments::check::<Wages>(&args), Err(said));
}
