//! Tests Invokes through the SDK.

#![allow(clippy::unwrap_used, reason = "in a test that is a failure")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use aws_host::{Failure, Faults, Function, Host, HostOptions, Runs, Stub};
use aws_sdk_lambda::{
    Client,
    operation::invoke::{InvokeError, InvokeOutput},
    primitives::Blob,
    types::InvocationType,
};
use bytes::Bytes;
use common::{config, until};
use tokio::sync::Semaphore;

const QUICK: Faults = Faults { seed: 1, ..Faults::NONE };

struct Setup {
    host: Arc<Host>,
    client: Client,
}

async fn setup(functions: Vec<Function>, faults: Faults) -> Setup {
    let queues = vec!["failures".to_owned()];
    let host = Arc::new(Host::start(HostOptions { functions, queues, faults, ..HostOptions::default() }).unwrap());
    let client = Client::new(&config(&host).await);
    Setup { host, client }
}

impl Setup {
    async fn invoke(&self, kind: InvocationType, payload: &str) -> Result<InvokeOutput, InvokeError> {
        let request = self.client.invoke().function_name("worker").invocation_type(kind);
        request.payload(Blob::new(payload)).send().await.map_err(aws_sdk_lambda::error::SdkError::into_service_error)
    }

    async fn event(&self, payload: &str) -> Result<InvokeOutput, InvokeError> {
        self.invoke(InvocationType::Event, payload).await
    }
}

/// A function that runs this closure.
fn worker(run: impl Fn(Bytes) -> Result<Bytes, Failure> + Send + Sync + 'static) -> Function {
    let stub: Stub = Arc::new(move |event| Box::pin(std::future::ready(run(event))));
    Function::new("worker", Runs::Stub(stub))
}

/// A function that runs until the gate is opened for it.
fn gated(gate: &Arc<Semaphore>, concurrency: usize) -> Function {
    let gate = Arc::clone(gate);
    let stub: Stub = Arc::new(move |event| {
        let gate = Arc::clone(&gate);
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            Ok(event)
        })
    });
    Function { concurrency, ..Function::new("worker", Runs::Stub(stub)) }
}

#[tokio::test]
async fn a_synchronous_invoke_answers_what_the_function_answers() {
    let setup = setup(vec![worker(Ok)], QUICK).await;
    let answer = setup.invoke(InvocationType::RequestResponse, r#"{"n":1}"#).await.unwrap();
    assert_eq!((answer.status_code(), answer.function_error()), (200, None));
    assert_eq!(answer.payload().unwrap().as_ref(), br#"{"n":1}"#);
}

#[tokio::test]
async fn a_function_that_fails_is_no_failed_invoke() {
    let setup = setup(vec![worker(|_| Err(Failure::new("Boom", "it broke")))], QUICK).await;
    let answer = setup.invoke(InvocationType::RequestResponse, "{}").await.unwrap();
    assert_eq!((answer.status_code(), answer.function_error()), (200, Some("Unhandled")));
    assert_eq!(answer.payload().unwrap().as_ref(), br#"{"errorMessage":"it broke","errorType":"Boom"}"#);
}

#[tokio::test]
async fn an_event_is_answered_after_the_latency_and_then_runs() {
    let setup = setup(vec![worker(Ok)], Faults { latency_ms: 80, ..QUICK }).await;
    #[allow(clippy::disallowed_methods, reason = "the latency is on the real clock")]
    let from = Instant::now();
    assert_eq!(setup.event("{}").await.unwrap().status_code(), 202);
    assert!(from.elapsed() >= Duration::from_millis(80), "{:?}", from.elapsed());
    let stats = until(&setup.host, |stats| stats.ended.count == 1).await;
    assert_eq!((stats.invokes, stats.body_bytes, stats.failed), (1, 2, 0));
    assert!(stats.accepted.first_ns > 0 && stats.started.first_ns <= stats.ended.first_ns);
}

#[tokio::test]
async fn events_are_accepted_without_a_free_slot_and_wait() {
    let gate = Arc::new(Semaphore::new(0));
    let setup = setup(vec![gated(&gate, 2)], QUICK).await;
    for _ in 0..5 {
        assert_eq!(setup.event("{}").await.unwrap().status_code(), 202);
    }
    let stats = until(&setup.host, |stats| stats.started.count == 2).await;
    assert_eq!((stats.invokes, stats.throttled), (5, 0));
    let refused = setup.invoke(InvocationType::RequestResponse, "{}").await.unwrap_err();
    assert!(refused.is_too_many_requests_exception(), "{refused:?}");
    gate.add_permits(5);
    until(&setup.host, |stats| stats.ended.count == 5).await;
    assert_eq!(setup.host.stats().throttled, 1);
}

#[tokio::test]
async fn events_are_dropped_duplicated_and_delayed_as_asked() {
    let faults = Faults { drop: 0.2, duplicate: 0.2, delay: 0.2, delay_ms: 50, ..QUICK };
    let setup = setup(vec![worker(Ok)], faults).await;
    for _ in 0..200 {
        setup.event("{}").await.unwrap();
    }
    let stats = until(&setup.host, |stats| stats.ended.count == 200 - stats.dropped + stats.duplicated).await;
    assert!((20..60).contains(&stats.dropped) && (15..60).contains(&stats.duplicated), "{stats:?}");
    assert_eq!(stats.invokes, 200);
}

#[tokio::test]
async fn refusals_have_the_sdks_types() {
    let setup = setup(vec![worker(Ok)], Faults { throttle: 1.0, ..QUICK }).await;
    assert!(setup.event("{}").await.unwrap_err().is_too_many_requests_exception());
    setup.host.set_faults(Faults { error: 1.0, ..QUICK });
    assert!(setup.event("{}").await.unwrap_err().is_service_exception());
    setup.host.set_faults(QUICK);
    assert!(setup.event(&"1".repeat((1 << 20) + 1)).await.unwrap_err().is_request_too_large_exception());
    let missing = setup.client.invoke().function_name("nobody").send().await.unwrap_err().into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");
    assert_eq!(setup.host.stats().invokes, 0);
}

#[tokio::test]
async fn a_lost_answer_is_a_run_all_the_same() {
    let setup = setup(vec![worker(Ok)], Faults { lost: 1.0, ..QUICK }).await;
    assert!(setup.event("{}").await.unwrap_err().is_service_exception());
    until(&setup.host, |stats| stats.ended.count == 1).await;
}

#[tokio::test]
async fn a_failed_event_is_tried_once_and_its_record_goes_to_the_queue() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let function = worker(move |_| {
        counted.fetch_add(1, SeqCst);
        Err(Failure::new("Boom", "it broke"))
    });
    let setup = setup(vec![Function { failures: Some("failures".to_owned()), ..function }], QUICK).await;
    setup.event(r#"{"n":7}"#).await.unwrap();
    let sqs = aws_sdk_sqs::Client::new(&config(&setup.host).await);
    let url = format!("{}/000000000000/failures", setup.host.url());
    let received = sqs.receive_message().queue_url(url).wait_time_seconds(5).send().await.unwrap();
    let record: serde_json::Value = serde_json::from_str(received.messages()[0].body().unwrap()).unwrap();
    assert_eq!(record["requestPayload"]["n"], 7);
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["responsePayload"]["errorType"], "Boom");
    assert_eq!(runs.load(SeqCst), 1);
}

#[tokio::test]
async fn a_run_over_its_time_is_ended() {
    let gate = Arc::new(Semaphore::new(0));
    let function = Function { timeout: Duration::from_millis(30), ..gated(&gate, 1) };
    let setup = setup(vec![function], QUICK).await;
    let answer = setup.invoke(InvocationType::RequestResponse, "{}").await.unwrap();
    let said = String::from_utf8_lossy(answer.payload().unwrap().as_ref()).into_owned();
    assert!(said.contains("Sandbox.Timedout") && said.contains("timed out after 0.03 seconds"), "{said}");
}
