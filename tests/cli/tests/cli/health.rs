//! Tests `health`, as the checks of containers run it.

use std::{collections::BTreeMap, fs};

use rustix::process::Signal;

use crate::{
    service::Service,
    site::{Role, SHOP, Site},
};

#[test]
fn a_role_that_runs_and_a_store_that_answers_are_healthy() {
    for name in ["dev", "worker", "dispatcher"] {
        let site = Site::new();
        let mut role = site.role(&[name]);
        role.logs(if name == "dispatcher" { "dispatching" } else { "started" });
        let healthy = site.shop(&["health"]).ok();
        let lines = healthy.lines();
        assert_eq!(lines[0], format!("{name} {} is alive: 0 calls running", role.id()));
        assert!(lines[1].starts_with(&format!("{} answers in ", site.url())), "{lines:?}");
        let live = site.json(&["health", "--live"]);
        assert_eq!((&live["healthy"], &live["store"]), (&true.into(), &site.url().into()));
        assert_eq!((&live["roles"][0]["role"], &live["store_ms"]), (&name.into(), &serde_json::Value::Null));
        role.signal(Signal::TERM);
        assert_eq!(role.ended().code, Some(0));
        let gone = site.shop(&["health"]);
        // Other tests have roles on this machine, of other stores.
        let why = format!("error: no role of {} runs here; ", site.url());
        assert!(gone.code == Some(1) && gone.err.starts_with(&why), "{}", gone.err);
    }
}

#[test]
fn a_role_says_how_many_calls_it_runs_also_while_it_stops() {
    let site = Site::new();
    site.call(&["pack", "[600]"]);
    let mut role = site.role(&["worker"]);
    role.prints("packing");
    role.signal(Signal::TERM);
    role.logs("waiting for calls that run");
    assert_eq!(site.json(&["health"])["roles"][0]["running_calls"], 1);
}

#[test]
fn a_process_that_is_frozen_is_not_alive() {
    let site = Site::new();
    let mut role = site.role(&["worker"]);
    role.logs("started");
    role.signal(Signal::STOP);
    let why = format!("error: process {} is not alive: it does not answer in time", role.id());
    site.shop(&["health", "--timeout", "100ms"]).fails(1, &why);
    role.signal(Signal::CONT);
    site.shop(&["health"]).ok();
}

#[test]
fn a_role_of_another_store_is_named() {
    let site = Site::new();
    site.call(&["close_books"]);
    let mut role = site.role(&["worker", "--store", "sqlite:other.db"]);
    role.logs("started");
    let answer = site.shop(&["health"]);
    let why = format!("error: no role of {} runs here; there is one of ", site.url());
    assert!(answer.code == Some(1) && answer.err.starts_with(&why), "{}", answer.err);
    assert!(answer.err.contains(&site.url().replace("celeriac.db", "other.db")), "{}", answer.err);
    assert!(answer.err.ends_with(": name its store with --store or CELERIAC_STORE\n"), "{}", answer.err);
    site.shop(&["health", "--store", "sqlite:other.db"]).ok();
}

#[test]
fn nothing_is_written_and_no_store_is_made() {
    let site = Site::new();
    let missing = site.shop(&["health"]);
    assert_eq!(missing.code, Some(1), "{}", missing.err);
    assert!(missing.err.starts_with("error: store `sqlite:celeriac.db` cannot be opened: there is no database"));
    site.call(&["close_books"]);
    let files = || -> BTreeMap<_, _> {
        let files = fs::read_dir(site.path(".")).unwrap().map(|file| file.unwrap().path());
        files.filter(|file| file.is_file()).map(|file| (file.clone(), fs::read(&file).unwrap())).collect()
    };
    let before = files();
    assert_eq!(site.shop(&["health"]).code, Some(1));
    assert_eq!(files(), before);
}

#[test]
fn a_stack_costs_one_read_and_a_role_is_alive_without_it() {
    let (site, service) = (Site::new(), Service::new());
    let on_stack = |args: &[&str]| {
        let mut program = site.program(SHOP, &[args, &["--store", "aws:shop"]].concat());
        program.env("AWS_ENDPOINT_URL", service.url()).env("AWS_REGION", "eu-central-1");
        program.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        program
    };
    let mut role = Role::new(&mut on_stack(&["dispatcher", "--queues", "orders"]));
    role.logs("dispatching");
    let reads = || service.operations().iter().filter(|operation| *operation == "BatchGetItem").count();
    let before = reads();
    let live = on_stack(&["health", "--live"]).output().unwrap();
    assert!(live.status.success() && reads() == before, "{live:?}");
    let healthy = on_stack(&["health"]).output().unwrap();
    assert!(healthy.status.success(), "{healthy:?}");
    assert!(String::from_utf8_lossy(&healthy.stdout).contains("\naws:shop answers in "), "{healthy:?}");
    assert_eq!(reads(), before + 1);
    // A port where nothing listens.
    let gone = |args: &[&str]| on_stack(args).env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").output().unwrap();
    let asked = gone(&["health", "--timeout", "1s"]);
    assert_eq!(asked.status.code(), Some(1), "{asked:?}");
    assert!(gone(&["health", "--live"]).status.success());
}
