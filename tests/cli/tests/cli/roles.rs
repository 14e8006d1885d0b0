//! Tests `dev`, `worker` and `dispatcher`: their work, and how they stop.

use std::{
    collections::BTreeSet,
    fs, thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use celeriac_core::id::BatchId;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::site::{Answer, Role, SHOP, Site};

#[test]
fn a_role_stops_gracefully() {
    for (role, signal) in [("dev", Signal::TERM), ("worker", Signal::INT)] {
        let site = Site::new();
        let id = site.call(&["pack", "[1]"]);
        let mut shop = site.role(&[role]);
        shop.prints("packing");
        shop.signal(signal);
        let ended = shop.ended();
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), "packed\n"), "{}", ended.err);
        assert!(ended.err.contains("stopping; another signal stops at once grace_s=30"), "{}", ended.err);
        assert_eq!(site.json(&["status", &id])["state"], "succeeded");
        assert_eq!(site.json(&["queue"])["queues"][0]["in_flight"], 0);
    }
}

#[test]
fn a_role_whose_database_is_deleted_or_replaced_says_so_once_and_ends() {
    for (role, replaced) in [("dev", false), ("worker", true)] {
        let site = Site::new();
        let shop = site.role(&[role]);
        let id = site.call(&["pack", "[0]"]);
        site.becomes(&id, "succeeded");
        if replaced {
            fs::rename(site.path("celeriac.db"), site.path("old.db")).unwrap();
            fs::copy(site.path("old.db"), site.path("celeriac.db")).unwrap();
        } else {
            fs::remove_file(site.path("celeriac.db")).unwrap();
        }
        let ended = shop.ended();
        assert_eq!(ended.code, Some(1), "{}", ended.err);
        let said = "`celeriac.db` was deleted or replaced while it was in use";
        assert_eq!(ended.err.matches(said).count(), 1, "{}", ended.err);
        assert!(ended.err.lines().last().unwrap().starts_with("error: `celeriac.db` was deleted"), "{}", ended.err);
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    let site = Site::new();
    site.call(&["pack", "[600]"]);
    let mut shop = site.role(&[]);
    shop.prints("packing");
    shop.signal(Signal::TERM);
    shop.signal(Signal::INT);
    let ended = shop.ended();
    // It is not certain which of the two signals arrives first.
    assert!(matches!(ended.code, Some(130 | 143)), "{:?}: {}", ended.code, ended.err);
}

#[test]
fn a_call_that_blocks_for_ever_does_not_keep_a_process() {
    let site = Site::new();
    let id = site.call(&["stare"]);
    let mut shop = site.role(&["worker", "--grace", "1"]);
    shop.prints("staring");
    shop.signal(Signal::TERM);
    assert_eq!(shop.ended().code, Some(0));
    assert_ne!(site.json(&["status", &id])["state"], "succeeded");
}

#[test]
fn a_worker_serves_the_queues_it_is_told() {
    let site = Site::new();
    let greeting = site.call(&["greet", "[\"Ada\"]"]);
    site.call(&["pack", "[0]"]);
    let mut shop = site.role(&["worker", "--queues", "default,other"]);
    shop.prints("packed");
    assert_eq!(site.json(&["status", &greeting])["state"], "queued");
    let _more = site.role(&["worker", "--queues", "orders", "--slots", "1", "-c", "1"]);
    site.becomes(&greeting, "succeeded");
}

#[test]
fn a_narrow_queue_is_served_too() {
    let site = Site::new();
    let _shop = site.role(&["worker", "--queues", "vip"]);
    let call = site.json(&["call", "greet", "[\"Ada\"]", "--queue", "vip", "--wait", "--timeout", "1m"]);
    assert_eq!(call["state"], "succeeded");
}

#[test]
fn settings_that_make_no_sense() {
    let site = Site::new();
    for (args, why) in [
        (["worker", "--slots", "0"], "invalid value '0' for '--slots <N>': a whole number from 1 to 1024"),
        (["dev", "-c", "0"], "invalid value '0' for '--concurrency <N>': a whole number from 1 to 1000000"),
        (["dev", "--queues", "a queue"], "for '--queues <QUEUES>': 1 to 80 letters, digits, `_` or `-`"),
    ] {
        let answer = site.shop(&args);
        assert_eq!(answer.code, Some(2));
        assert!(answer.err.contains(why), "{}", answer.err);
    }
}

#[test]
fn only_what_executes_tasks_is_set_up() {
    let site = Site::new();
    let accepted = site.shop(&["call", "pack", "[0]"]).ok();
    assert!(!accepted.out.contains("set up"));
    let mut dispatcher = site.role(&["dispatcher", "--json"]);
    dispatcher.logs("dispatching");
    let mut worker = site.role(&["worker"]);
    worker.prints("set up");
    worker.prints("packed");
    dispatcher.signal(Signal::TERM);
    let ended = dispatcher.ended();
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{}", ended.err);
    let line: Value = serde_json::from_str(ended.err.lines().next().unwrap()).unwrap();
    assert_eq!(line["fields"]["schedules"], json!(1));
}

#[test]
fn the_log_is_as_long_as_the_environment_says() {
    let site = Site::new();
    let mut quiet = Role::new(site.program(SHOP, &[]).env("RUST_LOG", "off"));
    quiet.prints("set up");
    quiet.signal(Signal::KILL);
    assert_eq!(quiet.ended().err, "");
    let odd = site.program(SHOP, &["queue"]).env("RUST_LOG", "celeriac=loud").output().unwrap();
    let odd = Answer::from(odd).ok();
    assert!(odd.err.starts_with("warning: RUST_LOG is `celeriac=loud`, which is ignored: "), "{}", odd.err);
}

#[test]
fn a_worker_alone_sends_the_runs_of_schedules() {
    let site = Site::new();
    let mut worker = Role::new(&mut site.program(env!("CARGO_BIN_EXE_clock"), &["worker"]));
    worker.logs("following schedules");
    let ticks = || fs::read_to_string(site.path("ticks")).unwrap_or_default();
    for _ in 0..3_000 {
        if ticks().lines().count() >= 2 {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    assert!(ticks().lines().count() >= 2, "{}", ticks());
}

#[test]
fn processes_that_share_a_schedule_run_each_time_once() {
    let site = Site::new();
    let clock = env!("CARGO_BIN_EXE_clock");
    let roles = ["dispatcher", "dispatcher", "worker", "worker", "dev"];
    let from_s = now_s();
    let _processes = roles.map(|role| Role::new(&mut site.program(clock, &[role])));
    let ticks = || fs::read_to_string(site.path("ticks")).unwrap_or_default();
    for _ in 0..3_000 {
        if ticks().lines().count() >= 4 {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let ticks = ticks();
    // A run's id follows from its schedule and its time.
    let run = |due_s: u64| BatchId::from_key("tick rate(1s) UTC", &(due_s * 1_000).to_string()).call(0).to_string();
    let due: BTreeSet<String> = (from_s..=now_s()).map(run).collect();
    let runs: BTreeSet<String> = ticks.lines().map(str::to_owned).collect();
    assert!(runs.len() >= 4 && runs.is_subset(&due), "{ticks}");
    assert_eq!(runs.len(), ticks.lines().count(), "{ticks}");
}

#[allow(clippy::disallowed_methods, reason = "the programs under test go by the machine's clock")]
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
