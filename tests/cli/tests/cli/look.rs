//! Tests `tasks`, `queue`, `status`, `batches`, help.

use serde_json::json;

use crate::site::Site;

#[test]
fn help_says_what_there_is() {
    let help = Site::new().shop(&["--help"]).ok().out;
    for line in ["  dev ", "  worker ", "  dispatcher ", "  dead ", "CELERIAC_STORE", "  4    not found"] {
        assert!(help.contains(line), "{line}: {help}");
    }
    let answer = Site::new().shop(&["quue"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("a similar subcommand exists: 'queue'"), "{}", answer.err);
}

#[test]
fn tasks_are_listed() {
    let site = Site::new();
    let lines = site.shop(&["tasks"]).ok().lines();
    assert_eq!(lines[0], "TASK QUEUE RETRIES TIMEOUT WRITTEN AT");
    assert_eq!(lines[4], "greet(customer, visits) orders 3 60 s tests/cli/src/bin/shop.rs:12");
    let scheduled = lines.last().unwrap();
    assert!(scheduled.starts_with("close_books cron(0 3 * * ? *) Europe/Berlin TIME (in "), "{scheduled}");
    let tasks = site.json(&["tasks"]);
    let charge = &tasks["tasks"][0];
    assert_eq!((&charge["name"], &charge["args"]), (&json!("card.charge"), &json!(["card"])));
    assert_eq!((&charge["retries"], &charge["schedule"]), (&json!(3), &json!(null)));
    assert!(!site.path("celeriac.db").exists());
}

#[test]
fn queues_are_listed() {
    let site = Site::new();
    site.call(&["greet", "[\"Ada\"]"]);
    site.call(&["greet", "[\"Bob\"]", "--countdown", "1h"]);
    site.call(&["pack", "[1]"]);
    assert_eq!(
        site.shop(&["queue"]).ok().lines(),
        ["QUEUE READY DELAYED IN FLIGHT BURIED OLDEST READY", "default 1 0 0 0 TIME", "orders 1 1 0 0 TIME",]
    );
    let queues = site.json(&["queue", "list", "orders"]);
    let orders = &queues["queues"][0];
    assert_eq!(queues["queues"].as_array().unwrap().len(), 1);
    assert_eq!((&orders["ready"], &orders["delayed"], &orders["in_flight"]), (&json!(1), &json!(1), &json!(0)));
    assert!(orders["oldest"].as_str().unwrap().ends_with('Z') && orders["oldest_age_s"].is_u64());
}

#[test]
fn an_unknown_call_is_not_found() {
    let site = Site::new();
    let _dev = site.role(&["dev"]);
    site.shop(&["call", "greet", "[\"Ada\"]", "--wait"]).ok();
    site.settles("orders");
    site.shop(&["status", "01ARZ3NDEKTSV4RRFFQ69G5FAV-0"]).fails(
        4,
        "error: there is no call 01ARZ3NDEKTSV4RRFFQ69G5FAV-0: no queue of this store holds it, and no worker has \
         seen it",
    );
    site.shop(&["status", "01ARZ3NDEKTSV4RRFFQ69G5FAV"]).fails(
        4,
        "error: there is no batch 01ARZ3NDEKTSV4RRFFQ69G5FAV; a call that is not part of one has the id \
         01ARZ3NDEKTSV4RRFFQ69G5FAV-0",
    );
    let answer = site.shop(&["status", "welcome"]);
    assert_eq!(answer.code, Some(2));
    let why = "`welcome` is not a task id: a batch id, a hyphen and a number, as `call` prints it";
    assert!(answer.err.contains(why), "{}", answer.err);
}

#[test]
fn batches_are_listed() {
    let site = Site::new();
    site.call(&["close_books"]);
    assert_eq!(site.shop(&["batches"]).ok().out, "no batches yet: fan_out makes them\n");
    assert_eq!(site.json(&["batches"]), json!({ "batches": [] }));
    let _dev = site.role(&["dev"]);
    let call = site.json(&["call", "greet_all", r#"[["Ada", "Bob", "Eve"]]"#, "--wait", "--timeout", "1m"]);
    let id = call["result"].as_str().unwrap();
    // The newest of them, so that all have been accepted. They may not have run yet.
    let accepted = &site.json(&["batches"])["batches"][0];
    assert_eq!((&accepted["id"], &accepted["name"]), (&json!(id), &json!("newsletter")));
    assert_eq!((&accepted["task"], &accepted["accepted"]), (&json!("greet"), &json!(3)));
    site.becomes(id, "finished");
    let lines = site.shop(&["status", id]).ok().lines();
    assert_eq!(
        lines[1..8],
        ["name newsletter", "task greet", "state finished", "accepted 3", "succeeded 3", "dead 0", "left 0",]
    );
    assert_eq!(site.shop(&["batches"]).ok().lines()[1], "ID newsletter greet finished 3 3 0 0 TIME");
    let third = site.shop(&["status", &format!("{id}-2")]).ok();
    assert_eq!(third.lines()[2], "result \"Celeriac & Sons greets Eve for the 1th time\"");
    assert_eq!(site.shop(&["status", &format!("{id}-3")]).code, Some(4));
}
