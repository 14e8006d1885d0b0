//! Which store a command works on: a stack, or a file.

use crate::site::{Answer, SHOP, Site};

/// Runs a command where `CELERIAC_STACK` names this stack.
fn on(stack: &str, args: &[&str]) -> Answer {
    let site = Site::new();
    let mut command = site.program(SHOP, args);
    command.env("CELERIAC_STACK", stack).env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    command.env("AWS_REGION", "eu-central-1").env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command.output().unwrap().into()
}

#[test]
fn two_stores_are_one_too_many() {
    let why = "error: --stack shop and --database jobs.db name two stores: give one of them";
    for args in [&["queue"][..], &["worker"], &["dispatcher"], &[]] {
        let site = Site::new();
        site.shop(&[&["--stack", "shop", "--database", "jobs.db"], args].concat()).fails(2, why);
        assert!(!site.path("jobs.db").exists());
    }
    Site::new().shop(&["--stack", "shop", "queue", "--database", "jobs.db"]).fails(2, why);
}

#[test]
fn an_option_goes_before_the_environment() {
    let answer = on("shop", &["queue", "--database", "jobs.db"]);
    assert!(answer.err.starts_with("error: there is no database `jobs.db`"), "{}", answer.err);
}

#[test]
fn the_environment_names_a_stack() {
    let why = "error: `Shop` is no stack's name: a letter, then up to 39 more of a-z, 0-9 and `-`";
    for args in [&["queue"][..], &["dead", "list"], &["worker"], &["dispatcher"], &["dev"]] {
        on("Shop", args).fails(3, why);
    }
    Site::new().shop(&["batches", "--stack", "Shop"]).fails(3, why);
}

#[test]
fn a_stack_that_does_not_answer_is_named() {
    let answer = on("shop", &["queue"]);
    assert_eq!(answer.code, Some(1), "{}", answer.err);
    let why = "error: cannot list queues: SQS queues `shop-*`: io error: client error (Connect): tcp connect error: ";
    let rest = answer.err.strip_prefix(why).unwrap_or_else(|| panic!("{}", answer.err));
    assert_eq!(rest.matches("refused").count(), 1, "its cause is said once: {}", answer.err);
}

#[test]
fn a_queue_that_the_stack_needs_for_itself_is_refused() {
    let why =
        "error: queue `mail-dead`: stack `shop` needs that name for itself; no queue is `failures` or ends in `-dead`";
    for role in ["worker", "dispatcher", "dev"] {
        let answer = on("shop", &[role, "--queues", "mail-dead"]);
        assert_eq!((answer.code, answer.err.lines().last()), (Some(3), Some(why)));
    }
}
