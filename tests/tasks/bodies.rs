//! The bodies of tasks.

use std::sync::Arc;

use celeriac::State;
use celeriac_core::{id::BatchId, task::Body, wire::from_json};
use serde_json::json;

use crate::{
    common::{Mailer, ping, send_email},
    run::{run, task_of, text},
};

#[tokio::test]
async fn an_async_task_runs_with_state() {
    let ended = run("mail.send", json!({ "to": "ada", "template": "welcome" })).await.unwrap();
    assert_eq!(text(ended), "welcome to ada by pigeon");
    assert!(run("tick", json!({})).await.unwrap().unwrap().is_none(), "`()` needs no result");
}

#[tokio::test]
async fn a_plain_function_is_blocking() {
    assert!(matches!(task_of("resize").body, Body::Blocking(_)));
    let ended = run("resize", json!({ "path": "a.png", "sizes": [16, 32], "dpi": 72 })).await.unwrap();
    let id = BatchId::new(1, 1).call(0);
    assert_eq!(text(ended), format!("a.png to [16, 32], Some(72), attempt 3 of {id}, blocking"));
}

/// A schedule passes no arguments.
#[tokio::test]
async fn a_scheduled_struct_without_arguments_is_the_default() {
    assert_eq!((task_of("report.nightly").check)(&from_json(&json!({})).unwrap()), Ok(()));
    assert_eq!(text(run("report.nightly", json!({})).await.unwrap()), "day 0 for \"\" by pigeon");
    let ended = run("report.nightly", json!({ "day": 3, "for": "ada" })).await.unwrap();
    assert_eq!(text(ended), "day 3 for \"ada\" by pigeon");
}

#[tokio::test]
async fn call_is_the_function_as_written() {
    let sent = send_email.call(State(Arc::new(Mailer { by: "hand" })), "ada".to_owned(), "welcome".to_owned()).await;
    assert_eq!(sent.unwrap(), "welcome to ada by hand");
    let error: anyhow::Error = ping.call(String::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "nobody to ping");
}
