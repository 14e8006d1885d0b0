//! Tests unusual arguments and results, and text from outside, which must reach the terminal escaped
//! (RUSTSEC-2025-0055).

use std::{io, process::Stdio};

use serde_json::{Value, json};

use crate::site::{Answer, Role, Site};

const FORMS: &str = env!("CARGO_BIN_EXE_forms");

fn forms(site: &Site, args: &[&str]) -> Answer {
    site.program(FORMS, args).output().unwrap().into()
}

fn dev(site: &Site) -> Role {
    Role::new(&mut site.program(FORMS, &["dev"]))
}

/// Sends a call, waits for its end, and returns its status.
fn ended(site: &Site, task: &str, args: &Value) -> Value {
    forms(site, &["call", task, &args.to_string(), "--wait", "--timeout", "1m", "--json"]).json()
}

#[test]
fn natural_json_is_taken_and_what_is_shown_can_be_given_again() {
    let site = Site::new();
    let _dev = dev(&site);
    let args = json!({ "host": "127.0.0.1", "by_number": { "1": "a", "20": "b" }, "wide": 7, "took": { "secs": 1, "nanos": 5 } });
    let message = "127.0.0.1 {1: \"a\", 20: \"b\"} 7 Some(1.000000005s)";
    let call = ended(&site, "keep", &args);
    assert_eq!(call["message"], message);
    for reveal in [&[][..], &["--reveal"]] {
        let shown =
            forms(&site, &[&["dead", "show", call["id"].as_str().unwrap(), "--json"], reveal].concat()).ok().json();
        assert_eq!(shown["args"]["host"], "127.0.0.1");
        assert_eq!(ended(&site, "keep", &shown["args"])["message"], message);
    }
}

#[test]
fn arguments_have_the_names_that_serde_gives_them() {
    let site = Site::new();
    let _dev = dev(&site);
    let tasks = forms(&site, &["tasks"]).ok().out;
    assert!(tasks.contains("order.place(orderId, shortNote)"), "{tasks}");
    assert!(tasks.contains("order.ship(orderId, ..)"), "{tasks}");
    for args in [json!({ "orderId": 1, "shortNote": "x" }), json!({ "orderId": 1, "comment": "x" }), json!([1, "x"])] {
        assert_eq!(ended(&site, "order.place", &args)["result"], "1 Some(\"x\")");
    }
    let ship = json!({ "orderId": 1, "host": "::1" });
    assert_eq!(ended(&site, "order.ship", &ship)["result"], "1 to Some(::1)");
    forms(&site, &["call", "order.place", "{\"order_id\": 1}"]).fails(
        2,
        "error: task `order.place`: no argument is named `order_id`; its arguments are `orderId`, `shortNote`",
    );
    forms(&site, &["call", "order.ship", "[1]"]).fails(
        2,
        "error: task `order.ship`: some of its arguments are flattened: give an object; its arguments are `orderId` and \
         those of its flattened types",
    );
}

#[test]
fn a_result_that_json_has_no_form_for_is_a_success() {
    let site = Site::new();
    let _dev = dev(&site);
    let answer = forms(&site, &["call", "map", "--wait", "--timeout", "1m"]).ok();
    let result = "result not shown: 5 bytes of MessagePack that JSON has no form for: key must be a string";
    assert_eq!(answer.lines(), ["call ID", "state succeeded", result]);
    let id = answer.out.split_whitespace().nth(1).unwrap();
    assert_eq!(forms(&site, &["status", id]).ok().lines()[2], result);
    let call = forms(&site, &["status", id, "--json"]).ok().json();
    assert_eq!((&call["state"], call.get("result")), (&json!("succeeded"), None));
}

/// Sets a terminal's title, clears the screen by a C1 character, and reverses text.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{9b}2J\r\u{202e}txt.exe\u{2066}";

#[track_caller]
fn harmless(answer: &Answer) {
    for text in [&answer.out, &answer.err] {
        let bidi = ['\u{202e}', '\u{2066}'];
        assert!(!text.contains(|c: char| c.is_control() && c != '\n' || bidi.contains(&c)), "{text:?}");
    }
    let said = format!("{}{}", answer.out, answer.err);
    assert!(said.contains("owned"), "{said}");
}

#[test]
fn control_characters_from_outside_are_escaped_wherever_they_are_shown() {
    let site = Site::new();
    let mut shop = dev(&site);
    let args = json!([HOSTILE]).to_string();
    let waited = forms(&site, &["call", "fail", &args, "--wait", "--timeout", "1m"]);
    assert_eq!(waited.code, Some(1));
    harmless(&waited);
    let call = ended(&site, "fail", &json!([HOSTILE]));
    assert_eq!(call["message"], HOSTILE, "a script reads what was said");
    let id = call["id"].as_str().unwrap();
    ended(&site, "name", &json!([HOSTILE]));
    for args in [
        &["status", id][..],
        &["status", id, "--json"],
        &["dead", "list"],
        &["dead", "list", "--json"],
        &["dead", "show", id],
        &["dead", "show", id, "--json"],
        &["dead", "show", id, "--reveal"],
        &["batches"],
        &["batches", "--json"],
    ] {
        harmless(&forms(&site, args).ok());
    }
    for wrong in [
        &["call", HOSTILE, "{}"][..],
        &["call", "fail", &json!({ HOSTILE: 1 }).to_string()],
        &["call", "keep", &json!(["::1", {}, HOSTILE]).to_string()],
        &["call", "fail", "[\"x\"]", "--queue", HOSTILE],
    ] {
        let answer = forms(&site, wrong);
        assert_ne!(answer.code, Some(0));
        harmless(&answer);
    }
    shop.logs("owned");
    shop.signal(rustix::process::Signal::TERM);
    harmless(&shop.ended());
    let mut lines = Role::new(&mut site.program(FORMS, &["dev", "--json"]));
    ended(&site, "fail", &json!([HOSTILE]));
    lines.logs("owned");
    lines.signal(rustix::process::Signal::TERM);
    harmless(&lines.ended());
}

/// A closed pipe, as `| head -1` leaves behind.
fn closed() -> Stdio {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_command_whose_reader_has_gone_ends_quietly() {
    let site = Site::new();
    let run = |args: &[&str], both: bool| {
        let mut command = site.program(FORMS, args);
        command.stdout(closed());
        if both {
            command.stderr(closed());
        }
        Answer::from(command.output().unwrap())
    };
    for both in [false, true] {
        assert_eq!(run(&["call", "map"], both).code, Some(0));
        for args in [&["tasks"][..], &["tasks", "--json"], &["queue"], &["queue", "--json"], &["--help"]] {
            let answer = run(args, both);
            assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""), "{args:?}");
        }
        let usage = run(&["call", "map", "[1]"], both);
        assert_eq!(usage.code, Some(2), "{}", usage.err);
        assert_eq!(run(&["call", "map", "--wait", "--timeout", "10ms"], both).code, Some(5));
        assert_eq!(run(&["worker", "--slots", "0"], both).code, Some(2));
    }
}

#[test]
fn a_worker_continues_when_its_log_is_not_read() {
    let site = Site::new();
    let mut quiet = site.program(FORMS, &["dev"]).stdout(closed()).stderr(closed()).spawn().unwrap();
    assert_eq!(ended(&site, "fail", &json!(["no"]))["message"], "no");
    assert_eq!(ended(&site, "map", &json!({}))["state"], "succeeded");
    assert!(quiet.try_wait().unwrap().is_none(), "it has ended");
    quiet.kill().unwrap();
    quiet.wait().unwrap();
}
