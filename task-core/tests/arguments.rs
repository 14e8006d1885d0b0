//! Wrong arguments, and what is said of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use serde::{Deserialize, Serialize};
use task_core::{
    task::{Options, Task, arguments},
    wire::MAX_BODY_BYTES,
};

/// Someone who may have their like within.
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

/// As many nils as a body has room for, which compress to almost nothing. Before, saying what stands in place of a
/// number made JSON of all of them: half a gigabyte.
#[test]
fn what_a_wrong_argument_is_takes_no_memory() {
    let nils = vec![0xc0; MAX_BODY_BYTES - 1024];
    let count = (nils.len() as u32).to_be_bytes();
    let args = [b"\x82\xa4wage\xa4much\xa3who\xdd".as_slice(), &count, &nils].concat();
    let before = peak();
    let why = arguments::check::<Hire>(&args).unwrap_err();
    let grown = peak() - before;
    assert_eq!(why, "argument `wage`: invalid type: string");
    assert!(grown < MAX_BODY_BYTES, "{grown} bytes");
}
