//! Tests programs that speak the Runtime API. The program is this test itself, as its environment tells it.

#![allow(clippy::unwrap_used, reason = "in a test that is a failure")]

mod common;

use std::{sync::Arc, time::Duration};

use aws_host::{Bootstrap, Faults, Function, Host, HostOptions, Runs, cold_start, first_poll};
use aws_sdk_lambda::{Client, primitives::Blob};
use bytes::Bytes;
use common::config;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

/// The program's handler.
async fn handle(event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
    match event.payload["do"].as_str() {
        Some("exit") => std::process::exit(3),
        Some("hang") => loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
        },
        Some("fail") => Err("it broke".into()),
        _ => Ok(json!({
            "handler": std::env::var("_HANDLER")?,
            "extra": std::env::var("EXTRA")?,
            "pid": std::process::id(),
            "request": event.context.request_id,
            "deadline": event.context.deadline,
        })),
    }
}

/// Not a test but the program, if Lambda's environment is set.
#[test]
fn program() {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // This fails once the host is gone, and the process is killed soon after.
    let _ = runtime.block_on(lambda_runtime::run(service_fn(handle)));
}

fn bootstrap() -> Bootstrap {
    let args = ["--exact", "program", "--nocapture"].map(str::to_owned).to_vec();
    let env = vec![("EXTRA".to_owned(), "here".to_owned())];
    Bootstrap { args, env, ..Bootstrap::new(std::env::current_exe().unwrap(), "worker") }
}

async fn setup() -> (Arc<Host>, Client) {
    let function = Function { timeout: Duration::from_secs(2), ..Function::new("f", Runs::Bootstrap(bootstrap())) };
    let options = HostOptions { functions: vec![function], faults: Faults::NONE, ..HostOptions::default() };
    let host = Arc::new(Host::start(options).unwrap());
    let client = Client::new(&config(&host).await);
    (host, client)
}

async fn invoke(client: &Client, what: &str) -> (Option<String>, Value) {
    let payload = Blob::new(json!({ "do": what }).to_string());
    let answer = client.invoke().function_name("f").payload(payload).send().await.unwrap();
    let said = serde_json::from_slice(answer.payload().unwrap().as_ref()).unwrap();
    (answer.function_error().map(str::to_owned), said)
}

#[tokio::test]
async fn a_program_runs_event_after_event_in_the_environment_of_lambda() {
    let (_host, client) = setup().await;
    let (failed, first) = invoke(&client, "tell").await;
    assert_eq!((failed, &first["handler"], &first["extra"]), (None, &json!("worker"), &json!("here")));
    assert!(first["deadline"].as_u64().unwrap() > 1_700_000_000_000, "{first}");
    let (_, second) = invoke(&client, "tell").await;
    assert_eq!(first["pid"], second["pid"], "an idle environment is used again");
    assert_ne!(first["request"], second["request"]);
}

#[tokio::test]
async fn events_at_the_same_time_have_environments_of_their_own() {
    let (_host, client) = setup().await;
    let both = futures::future::join(invoke(&client, "tell"), invoke(&client, "tell")).await;
    assert_ne!(both.0.1["pid"], both.1.1["pid"]);
}

#[tokio::test]
async fn a_program_that_fails_exits_or_hangs_is_reported_and_the_next_event_runs() {
    let (_host, client) = setup().await;
    let (failed, said) = invoke(&client, "fail").await;
    assert_eq!((failed.as_deref(), &said["errorMessage"]), (Some("Unhandled"), &json!("it broke")));
    let (failed, said) = invoke(&client, "exit").await;
    assert_eq!((failed.as_deref(), &said["errorType"]), (Some("Unhandled"), &json!("Runtime.ExitError")));
    assert!(said["errorMessage"].as_str().unwrap().contains("exit status: 3"), "{said}");
    let (_, said) = invoke(&client, "hang").await;
    assert_eq!(said["errorType"], "Sandbox.Timedout");
    assert_eq!(invoke(&client, "tell").await.0, None);
}

#[tokio::test]
async fn the_first_poll_is_measured_from_exec() {
    let took = first_poll(&bootstrap()).await.unwrap();
    assert!(took > Duration::ZERO && took < Duration::from_secs(5), "{took:?}");
    let nothing = first_poll(&Bootstrap::new("/nowhere/bootstrap", "worker")).await.unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_cold_start_is_one_of_a_program_that_starts_and_claims() {
    let nothing = cold_start(&Bootstrap::new("/nowhere/bootstrap", "worker"), Bytes::new()).await.unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::NotFound);
    let event = Bytes::from_static(br#"{"do":"tell"}"#);
    let claims_nothing = cold_start(&bootstrap(), event).await.unwrap_err().to_string();
    assert!(claims_nothing.starts_with("no claim for the event: Ok("), "{claims_nothing}");
}
