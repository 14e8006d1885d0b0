//! Tests `call`.

use serde_json::json;

use crate::site::Site;

#[test]
fn an_unknown_task() {
    let site = Site::new();
    site.shop(&["call", "card.chrage", "{}"])
        .fails(4, "error: no task is named `card.chrage`: did you mean `card.charge`?");
    site.shop(&["call", "launch", "{}"]).fails(
        4,
        "error: no task is named `launch`: there are `card.charge`, `charge_all`, `close_books`, `greet`, `greet_all`, `open_till`, \
         `pack`, `stare`; one in another crate needs `use that_crate as _;` in this program, or the linker drops it",
    );
    assert!(!site.path("celeriac.db").exists());
}

#[test]
fn wrong_arguments() {
    let site = Site::new();
    let list = "its arguments are `customer`, `visits`";
    for (args, why) in [
        (r#"{"custmer": "Ada"}"#, "no argument is named `custmer`"),
        ("{}", "missing argument `customer`"),
        (r#"{"customer": 7}"#, "argument `customer`: invalid type: integer `7`, expected a string"),
        (r#"{"customer": "Ada", "visits": -1}"#, "argument `visits`: invalid value: integer `-1`, expected u32"),
        (r#"["Ada", 1, 2]"#, "3 arguments are too many"),
        ("7", "this holds no arguments: give an object by name, or an array"),
    ] {
        site.shop(&["call", "greet", args]).fails(2, &format!("error: task `greet`: {why}; {list}"));
    }
    site.shop(&["call", "stare", "[1]"])
        .fails(2, "error: task `stare`: 1 arguments are too many; it takes no arguments");
    assert_eq!(site.json(&["queue"])["queues"], json!([]));
}

#[test]
fn arguments_that_are_not_json() {
    Site::new().shop(&["call", "greet", "{customer: Ada}"]).fails(
        2,
        "error: the arguments are not JSON: key must be a string at line 1 column 2; in a shell, quote them: '{\"name\": \
         \"value\"}'",
    );
}

#[test]
fn arguments_that_no_parcel_holds() {
    let site = Site::new();
    let novel = format!("[\"{}\"]", "x".repeat(300_000));
    let answer = site.shop_reading(&["call", "greet", "-"], &novel);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.starts_with("error: task `greet`: its arguments take 300023 bytes encoded"), "{}", answer.err);
    assert!(answer.err.contains("a call may have at most 26"), "{}", answer.err);
}

#[test]
fn a_queue_that_is_none() {
    Site::new()
        .shop(&["call", "greet", "[\"Ada\"]", "--queue", "a queue"])
        .fails(2, "error: task `greet`: queue: `a queue` is no queue's name: 1 to 80 letters, digits, `_` or `-`");
}

#[test]
fn a_countdown_that_is_none() {
    let answer = Site::new().shop(&["call", "greet", "--countdown", "soon"]);
    assert_eq!(answer.code, Some(2));
    let why = "invalid value 'soon' for '--countdown <DURATION>': a duration is a whole number and a unit (ms, s, m, h, \
               d), such as \"30s\"";
    assert!(answer.err.contains(why), "{}", answer.err);
}

#[test]
fn an_accepted_call() {
    let site = Site::new();
    let id = site.call(&["greet", "[\"Ada\"]", "--queue", "vip", "--countdown", "1h"]);
    assert_eq!(site.json(&["status", &id]), json!({ "id": id, "state": "queued", "history": [] }));
    let accepted = site.json(&["call", "greet", r#"{"customer": "Ada"}"#]);
    assert_eq!(accepted["task"], "greet");
    assert_eq!(accepted["queue"], "orders");
    assert_eq!(accepted["id"].as_str().unwrap().len(), 28);
    let queues = site.json(&["queue"]);
    assert_eq!(queues["queues"][0]["ready"], 1);
    assert_eq!(queues["queues"][1]["queue"], "vip");
    assert_eq!(queues["queues"][1]["delayed"], 1);
}

#[test]
fn a_unique_call_is_one_call() {
    let site = Site::new();
    let call = ["greet", "[\"Ada\"]", "--unique", "welcome:ada"];
    assert_eq!(site.call(&call), site.call(&call));
}

#[test]
fn a_call_that_is_waited_for() {
    let site = Site::new();
    let _dev = site.role(&["dev"]);
    let answer = site.shop(&["call", "greet", "[\"Ada\", 3]", "--wait", "--timeout", "1m"]).ok();
    assert_eq!(
        answer.lines(),
        ["call ID", "state succeeded", "result \"Celeriac & Sons greets Ada for the 3th time\"",]
    );
    let answer = site.shop(&["call", "card.charge", "[\"4242\"]", "--wait", "--timeout", "1m", "--json"]);
    assert_eq!(answer.code, Some(1), "{}", answer.err);
    let call = answer.json();
    assert_eq!((&call["state"], &call["reason"]), (&json!("dead"), &json!("failed")));
    assert_eq!(call["message"], "card 4242 is declined");
    assert_eq!(call["history"][0]["kind"], "cancel");
}

#[test]
fn a_call_without_a_worker() {
    let site = Site::new();
    let answer = site.shop(&["call", "greet", "[\"Ada\"]", "--wait", "--timeout", "50ms"]);
    assert_eq!(answer.code, Some(5), "{}", answer.err);
    assert_eq!(answer.lines()[..2], ["call ID", "state queued"]);
}
