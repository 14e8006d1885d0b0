//! Tests `dead`.

use serde_json::json;

use crate::site::{Role, SHOP, Site};

/// The id of a call that died because its card was declined.
fn declined(site: &Site, card: &str) -> String {
    let call = site.shop(&["call", "card.charge", &format!("[\"{card}\"]"), "--wait", "--timeout", "1m", "--json"]);
    assert_eq!(call.code, Some(1), "{}", call.err);
    call.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_dead_letter_is_looked_at_and_sent_again() {
    let site = Site::new();
    let shop = site.role(&["dev"]);
    let id = declined(&site, "4242");
    assert_eq!(
        site.shop(&["dead", "list"]).ok().lines(),
        ["CALL TASK REASON ATTEMPTS DIED MESSAGE", "ID card.charge failed 1 TIME card 4242 is declined",]
    );
    let lines = site.shop(&["dead", "show", &id]).ok().lines();
    assert_eq!(
        lines[..8],
        [
            "call ID",
            "task card.charge",
            "queue default",
            "reason failed",
            "attempts 1",
            "died TIME",
            "arguments {\"card\":\"4242\"}",
            "message card 4242 is declined",
        ]
    );
    assert!(lines[10].starts_with("1 cancel TIME") && lines[10].ends_with("card 4242 is declined"), "{}", lines[10]);
    let shown = site.json(&["dead", "show", &id]);
    assert_eq!((&shown["id"], &shown["args"]), (&json!(id), &json!({ "card": "4242" })));
    assert_eq!((&shown["reason"], &shown["history"][0]["attempt"]), (&json!("failed"), &json!(1)));

    drop(shop);
    let _shop = Role::new(site.program(SHOP, &["dev"]).env("SHOP_CARDS_WORK", "1"));
    assert_eq!(site.shop(&["dead", "retry", &id]).ok().out, "sent 1 call again\n");
    site.becomes(&id, "succeeded");
    assert_eq!(site.shop(&["dead", "list"]).ok().out, "no dead letters\n");
}

#[test]
fn a_secret_is_shown_on_request() {
    let site = Site::new();
    let _shop = site.role(&["dev"]);
    let call = site.shop(&["call", "open_till", "[\"4711\"]", "--wait", "--timeout", "1m", "--json"]);
    let id = call.json()["id"].as_str().unwrap().to_owned();
    for args in [&["dead", "show", &id][..], &["dead", "list"], &["dead", "list", "--json"], &["status", &id]] {
        let answer = site.shop(args).ok();
        assert!(answer.out.contains("Secret(..)") && !answer.out.contains("4711"), "{}", answer.out);
    }
    assert_eq!(site.json(&["dead", "show", &id])["args"], json!({ "code": "(secret)" }));
    let revealed = json!({ "code": "4711" });
    assert_eq!(site.json(&["dead", "show", &id, "--reveal"])["args"], revealed);
    assert_eq!(site.json(&["dead", "list", "--reveal"])["dead"][0]["args"], revealed);
    let wrong = site.shop(&["call", "open_till", "[[\"4711\"]]"]);
    wrong.fails(
        2,
        "error: task `open_till`: argument `code`: holds a secret that cannot be read; its arguments are `code`",
    );
}

#[test]
fn dead_letters_are_dropped() {
    let site = Site::new();
    let _shop = site.role(&["dev"]);
    let ids = ["1", "2", "3"].map(|card| declined(&site, card));
    let first = site.json(&["dead", "list", "--limit", "2"]);
    let listed: Vec<_> = first["dead"].as_array().unwrap().iter().map(|letter| letter["id"].clone()).collect();
    assert_eq!((listed, &first["next"]), (vec![json!(ids[0]), json!(ids[1])], &json!(ids[1])));
    let second = site.json(&["dead", "list", "--after", &ids[1]]);
    assert_eq!((&second["dead"][0]["id"], &second["next"]), (&json!(ids[2]), &json!(null)));

    assert_eq!(site.json(&["dead", "drop", &ids[0]]), json!({ "dropped": 1, "missing": [] }));
    assert_eq!(site.json(&["status", &ids[0]])["state"], "dropped");
    let again = site.shop(&["dead", "drop", &ids[0], &ids[1], "--json"]);
    assert_eq!((again.code, again.json()), (Some(4), json!({ "dropped": 1, "missing": [ids[0]] })));
    assert_eq!(site.shop(&["dead", "drop", "--task", "greet"]).ok().out, "dropped 0 dead letters\n");
    assert_eq!(site.shop(&["dead", "drop", "--all", "--yes"]).ok().out, "dropped 1 dead letter\n");
    assert_eq!(site.json(&["dead", "list"]), json!({ "dead": [], "next": null }));
}

#[test]
fn dead_letters_of_a_revoked_batch_are_sent_again_only_when_that_is_lifted() {
    let site = Site::new();
    let shop = site.role(&["dev"]);
    let sent = site.json(&["call", "charge_all", "[[\"1\", \"2\"]]", "--wait", "--timeout", "1m"]);
    let batch = sent["result"].as_str().unwrap().to_owned();
    site.becomes(&batch, "finished");
    let other = declined(&site, "3");
    drop(shop);
    let database = site.path("celeriac.db");
    rusqlite::Connection::open(database).unwrap().execute("UPDATE batch SET stopped = 1", []).unwrap();

    let told = format!(
        "error: 2 dead letters not sent, since their calls would not run: batch {batch} is revoked; the same command \
         with --reinstate lifts that and sends them\n"
    );
    let refused = site.shop(&["dead", "retry", "--batch", &batch]);
    assert_eq!((refused.code, refused.out.as_str(), refused.err), (Some(1), "sent 0 calls again\n", told.clone()));
    let rest = site.shop(&["dead", "retry", "--all", "--json"]);
    assert_eq!(rest.json(), json!({ "retried": 1, "missing": [], "revoked": { &batch: 2 } }));
    assert_eq!((rest.code, rest.err), (Some(1), told));
    assert_eq!(site.json(&["status", &other])["state"], "waiting");
    assert_eq!(site.json(&["status", &batch])["state"], "revoked");

    let lifted = site.shop(&["dead", "retry", "--batch", &batch, "--reinstate"]).ok();
    assert_eq!(lifted.out, "sent 2 calls again\n");
    let _shop = Role::new(site.program(SHOP, &["dev"]).env("SHOP_CARDS_WORK", "1"));
    for id in [format!("{batch}-0"), format!("{batch}-1"), other] {
        site.becomes(&id, "succeeded");
    }
    assert_eq!(site.shop(&["dead", "list"]).ok().out, "no dead letters\n");
}

#[test]
fn a_dead_letter_that_is_none() {
    let site = Site::new();
    site.call(&["close_books"]);
    let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV-7";
    site.shop(&["dead", "show", id])
        .fails(4, &format!("error: there is no dead letter {id}: `status {id}` says where that call stands"));
    for command in ["retry", "drop"] {
        let answer = site.shop(&["dead", command, id]);
        assert_eq!(answer.code, Some(4));
        assert_eq!(answer.err, format!("error: no dead letters: {id}; `status ID` says where a call stands\n"));
    }
}

#[test]
fn a_selection_is_required() {
    let site = Site::new();
    for args in [&["dead", "drop"][..], &["dead", "retry"], &["dead", "drop", "--all", "--task", "greet"]] {
        let answer = site.shop(args);
        assert_eq!(answer.code, Some(2), "{}", answer.err);
    }
}
