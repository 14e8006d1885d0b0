//! Wrong arguments, and what is said of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use serde::{Deserialize, Serialize};
use task_core::task::{Options, Task, arguments};

/// Someone who may have their like within.
#[derive(Deserialize, Serialize)]
struct Person {
    boss: Option<Box<Person>>,
}

#[derive(Deserialize, Serialize)]
struct Hire {
    who: Person,
}

impl Task for Hire {
    const NAME: &'static str = "hire";
    const OPTIONS: Options = Options::new();
    type Args = Self;
    type Output = ();
}

/// Arguments nested as deep as a message has room for. Before, naming the wrong one went as deep as they did, beyond
/// the end of the thread's stack, and took the worker's process with it.
#[test]
fn nesting_beyond_the_limit_ends_no_process() {
    let args = [b"\x81\xa3who".as_slice(), &b"\x81\xa4boss".repeat(30_000), b"\xc0"].concat();
    let check = move || arguments::check::<Hire>(&args);
    // The stack of a thread that Rust starts, which is that of those that read arguments.
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(check).unwrap();
    let why = thread.join().unwrap().unwrap_err();
    assert!(why.ends_with("depth limit exceeded"), "{why}");
    assert!(why.len() < 1_000, "{} bytes", why.len());
}
