//! Tests that a caller that blocks its thread commits on it: on a busy machine, each change of threads may wait for some
//! milliseconds.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs;

use celeriac_core::{
    client::{Call, Client},
    task::{Options, Task},
};
use celeriac_embedded::open;
use tempfile::tempdir;

const CALLS: u64 = 50;

struct Noop;

impl Task for Noop {
    const NAME: &'static str = "noop";
    const OPTIONS: Options = Options::new();
    type Args = ();
    type Output = ();
}

/// How often the thread that writes has gone to sleep.
fn sleeps_of_the_writer() -> u64 {
    let threads = fs::read_dir("/proc/self/task").unwrap().map(|thread| thread.unwrap().path());
    // The name of a thread is cut.
    let is_writer = |name: String| "celeriac-writer".starts_with(name.trim_end()) && !name.trim_end().is_empty();
    let writer = threads.into_iter().find(|thread| is_writer(fs::read_to_string(thread.join("comm")).unwrap()));
    let status = fs::read_to_string(writer.expect("a store is open").join("status")).unwrap();
    let sleeps = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    sleeps.unwrap().trim().parse().unwrap()
}

#[test]
fn a_blocking_send_wakes_no_other_thread() {
    let directory = tempdir().unwrap();
    let client = Client::new(open(&directory.path().join("queue.db")).unwrap());
    let send = || Call::<Noop>::new(()).on(&client).send().blocking_send().unwrap();
    send();
    let before = sleeps_of_the_writer();
    for _ in 0..CALLS {
        send();
    }
    let sleeps = sleeps_of_the_writer() - before;
    // It may only now have begun to wait for its first operation.
    assert!(sleeps <= 1, "the thread that writes has slept {sleeps} times during {CALLS} calls");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let depths = runtime.block_on(client.ports().queue.depths()).unwrap();
    assert_eq!(depths.iter().map(|depth| depth.ready).sum::<u64>(), CALLS + 1);
}
