//! Tests what commands say if no worker is alive to run a call, or if none serves its queue.

use rustix::process::Signal;

use crate::site::{Role, SHOP, Site};

/// A worker that has run a call, so that it is surely alive.
fn worker(site: &Site, args: &[&str]) -> Role {
    let id = site.call(&["pack", "[0]"]);
    let worker = site.role(args);
    site.becomes(&id, "succeeded");
    worker
}

#[test]
fn a_wait_without_a_worker_says_so_and_goes_on() {
    let site = Site::new();
    let wait = ["call", "greet", "[\"Ada\"]", "--wait", "--timeout"];
    let absent = format!(
        "warning: no worker is alive on `{}`: the call waits until `worker` or `dev` is started there",
        site.url()
    );
    let answer = site.shop(&[&wait[..], &["50ms"]].concat());
    assert_eq!(answer.code, Some(5), "{}", answer.err);
    assert_eq!(answer.err.lines().last(), Some(&*absent));
    let mut waiting = Role::new(&mut site.program(SHOP, &[&wait[..], &["1m"]].concat()));
    waiting.logs(&absent);
    let _dev = site.role(&["dev"]);
    assert_eq!(waiting.ended().code, Some(0));
}

#[test]
fn a_wait_with_a_worker_says_nothing_of_it() {
    let site = Site::new();
    let _worker = worker(&site, &["worker"]);
    let answer = site.shop(&["call", "greet", "[\"Ada\"]", "--wait", "--timeout", "1m"]).ok();
    assert!(answer.err.starts_with("waiting for ") && answer.err.lines().count() == 1, "{}", answer.err);
    let sent = site.shop(&["call", "greet", "[\"Ada\"]"]).ok();
    assert_eq!(sent.err, "");
}

#[test]
fn a_client_and_a_dispatcher_are_no_workers() {
    let site = Site::new();
    let mut dispatcher = site.role(&["dispatcher"]);
    dispatcher.logs(&format!("dispatching schedules=1 store={} workers=0", site.url()));
    let _waiting = Role::new(&mut site.program(SHOP, &["call", "greet", "[\"Ada\"]", "--wait"]));
    let answer = site.shop(&["call", "greet", "[\"Ada\"]", "--wait", "--timeout", "50ms"]);
    assert!(answer.err.contains("warning: no worker is alive on `sqlite:/"), "{}", answer.err);
}

#[test]
fn a_role_says_which_file_it_works_on_and_who_else_does() {
    let site = Site::new();
    let mut first = site.role(&["worker"]);
    first.logs(&format!("serving queues store={} other_workers=0", site.url()));
    let id = site.call(&["pack", "[0]"]);
    site.becomes(&id, "succeeded");
    let mut second = site.role(&["dev", "--store", "sqlite:./celeriac.db"]);
    second.logs(&format!("serving queues store={} other_workers=1", site.url()));
    first.signal(Signal::KILL);
    drop(first);
    drop(second);
    site.role(&["worker"]).logs(&format!("serving queues store={} other_workers=0", site.url()));
}

#[test]
fn a_client_says_which_store_it_has_opened_when_asked_to() {
    let site = Site::new();
    let sent = site.program(SHOP, &["call", "pack", "[0]"]).env("RUST_LOG", "celeriac=debug").output().unwrap();
    let err = String::from_utf8(sent.stderr).unwrap();
    assert!(err.contains(&format!("opened store={}", site.url())), "{err}");
    assert_eq!(site.json(&["call", "pack", "[0]"])["store"], site.url());
}

#[test]
fn a_queue_that_is_probably_a_mistake_is_doubted() {
    let site = Site::new();
    let call = |queue| site.shop(&["call", "greet", "[\"Ada\"]", "--queue", queue]).ok().err;
    let new = |queue, known| {
        format!(
            "warning: queue `{queue}` is new: no task of this program names it, nothing was sent to it before, and no \
             worker has served it; {known} A worker serves it with `--queues {queue}`\n"
        )
    };
    assert_eq!(call("nowhere"), new("nowhere", "there are `default`, `orders`."));
    assert_eq!(call("nowhere"), "", "it is no longer new");
    assert_eq!(call("ordres"), new("ordres", "did you mean `orders`?"));
    assert_eq!(call("orders"), "");
}

#[test]
fn a_queue_that_a_worker_serves_is_known() {
    let site = Site::new();
    // The set-up of the shop names `vip`, which commands do not run.
    let _worker = worker(&site, &["worker", "--queues", "default,vip"]);
    for _ in 0..1_000 {
        if site.json(&["queue"])["queues"].as_array().unwrap().iter().any(|queue| queue["queue"] == "vip") {
            break;
        }
    }
    assert_eq!(site.shop(&["call", "greet", "[\"Ada\"]", "--queue", "vip"]).ok().err, "");
}

#[test]
fn schedules_that_nobody_follows_are_announced_as_such() {
    let site = Site::new();
    assert_eq!(site.shop(&["tasks"]).ok().err, "", "there is no store, and none is needed");
    let worker = worker(&site, &["worker"]);
    assert_eq!(site.shop(&["tasks"]).ok().err, "");
    drop(worker);
    assert_eq!(
        site.shop(&["tasks"]).ok().err,
        "warning: no worker is alive on `sqlite:celeriac.db`: scheduled tasks do not run until `worker` or `dev` is \
         started there\n"
    );
    let elsewhere = site.shop(&["tasks", "--store", "sqlite:other.db"]).ok();
    assert!(elsewhere.err.is_empty() && !site.path("other.db").exists(), "{}", elsewhere.err);
}

#[test]
fn a_stop_says_how_many_calls_it_waits_for() {
    let site = Site::new();
    site.call(&["pack", "[1]"]);
    let mut shop = site.role(&["worker"]);
    shop.prints("packing");
    shop.signal(Signal::TERM);
    let ended = shop.ended();
    assert_eq!(ended.err.matches("waiting for calls that run calls=1 grace_s=30").count(), 1, "{}", ended.err);
}

#[test]
fn a_signal_ends_a_wait_at_once() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let site = Site::new();
        let mut waiting = Role::new(&mut site.program(SHOP, &["call", "greet", "[\"Ada\"]", "--wait"]));
        waiting.logs("warning: no worker is alive");
        waiting.signal(signal);
        let ended = waiting.ended();
        assert_eq!((ended.code, ended.out.as_str()), (Some(code), ""), "{}", ended.err);
        let last = ended.err.lines().last().unwrap();
        assert!(last.starts_with("stopped waiting; the call goes on, and `status "), "{last}");
    }
}

/// Process 1 of a container is not ended by a signal that it does not listen to.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_a_wait_that_is_process_1() {
    use std::{fs, process::Command};

    use rustix::process::{Pid, kill_process};

    let alone = ["--pid", "--fork", "--kill-child"];
    let may = Command::new("unshare").args(alone).arg("true").output();
    if !may.is_ok_and(|output| output.status.success()) {
        eprintln!("not tested: this user may make no namespace of processes");
        return;
    }
    let site = Site::new();
    let wait = [SHOP, "call", "greet", "[\"Ada\"]", "--wait"];
    let mut waiting = Role::new(&mut site.program("unshare", &[&alone[..], &wait].concat()));
    waiting.logs("warning: no worker is alive");
    let unshare = waiting.id();
    let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).unwrap();
    let shop = Pid::from_raw(children.trim().parse().unwrap()).unwrap();
    kill_process(shop, Signal::TERM).unwrap();
    let ended = waiting.ended();
    assert_eq!(ended.code, Some(143), "{}", ended.err);
}
