//! Tests the worker's function with events as Lambda and a dispatcher write them, on a file instead of a stack.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

#[path = "../../../worker/tests/common/mod.rs"]
mod common;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use base64_simd::STANDARD;
use celeriac_aws::{Attempt, Backend, Health, Minutes, Payload, Platform, Settings};
use celeriac_core::{
    id::ParcelId,
    ports::{Claim, ClaimRequest, Clock, Delivery, InvokeError, Ledger, PortError, Ports, Reason, layers::LedgerLayer},
    task::{Body, Options, Stop, TaskDef},
    wire::Header,
};
use celeriac_lambda::worker::Handler;
use celeriac_lambda::{Function as _, HandlerError, Request};
use celeriac_worker::WorkerOptions;
use common::{Bench, def};
use futures::{
    FutureExt as _,
    future::{BoxFuture, join, join_all},
};
use serde_json::{Value, json};
use tokio::sync::{Barrier, Notify};

/// A table that does not answer counting requests, and notes which functions were mended.
#[derive(Default)]
struct Silent(Mutex<Vec<String>>);

impl Platform for Silent {
    fn invoke<'a>(&'a self, _: &'a str, _: Vec<u8>) -> BoxFuture<'a, Result<(), InvokeError>> {
        unimplemented!("a worker invokes nothing")
    }

    fn count<'a>(&'a self, _: u8, _: &'a Minutes, _: &'a [u64]) -> BoxFuture<'a, Result<Minutes, PortError>> {
        std::future::pending().boxed()
    }

    fn look(&self, _: u8) -> BoxFuture<'_, Result<BTreeMap<u8, Minutes>, PortError>> {
        unimplemented!("a worker waits for no room")
    }

    fn health<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Health, PortError>> {
        unimplemented!("a worker launches nothing")
    }

    fn failed<'a>(&'a self, _: &'a str, _: u64, _: Attempt) -> BoxFuture<'a, Result<Health, PortError>> {
        unimplemented!("a worker gets no report")
    }

    fn take_probe<'a>(&'a self, _: &'a str, _: u64, _: u64) -> BoxFuture<'a, Result<bool, PortError>> {
        unimplemented!("a worker launches nothing")
    }

    fn mended<'a>(&'a self, function: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.0.lock().unwrap().push(function.to_owned());
        std::future::ready(Ok(())).boxed()
    }

    fn resent(&self, _: ParcelId, _: u64) -> BoxFuture<'_, Result<u32, PortError>> {
        unimplemented!("a worker sends nothing again")
    }
}

/// A table that refuses the first write of the count, and notes them all.
#[derive(Default)]
struct Refusing(Mutex<Vec<(u8, Minutes)>>);

impl Platform for Refusing {
    fn invoke<'a>(&'a self, _: &'a str, _: Vec<u8>) -> BoxFuture<'a, Result<(), InvokeError>> {
        unimplemented!("a worker invokes nothing")
    }

    fn count<'a>(&'a self, shard: u8, by: &'a Minutes, _: &'a [u64]) -> BoxFuture<'a, Result<Minutes, PortError>> {
        let mut writes = self.0.lock().unwrap();
        writes.push((shard, by.clone()));
        let throttled = || PortError::Unavailable { what: "the table is throttled".to_owned(), source: None };
        std::future::ready(if writes.len() == 1 { Err(throttled()) } else { Ok(Minutes::new()) }).boxed()
    }

    fn look(&self, _: u8) -> BoxFuture<'_, Result<BTreeMap<u8, Minutes>, PortError>> {
        unimplemented!("a worker waits for no room")
    }

    fn health<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Health, PortError>> {
        unimplemented!("a worker launches nothing")
    }

    fn failed<'a>(&'a self, _: &'a str, _: u64, _: Attempt) -> BoxFuture<'a, Result<Health, PortError>> {
        unimplemented!("a worker gets no report")
    }

    fn take_probe<'a>(&'a self, _: &'a str, _: u64, _: u64) -> BoxFuture<'a, Result<bool, PortError>> {
        unimplemented!("a worker launches nothing")
    }

    fn mended<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        unimplemented!("no probe is handled")
    }

    fn resent(&self, _: ParcelId, _: u64) -> BoxFuture<'_, Result<u32, PortError>> {
        unimplemented!("a worker sends nothing again")
    }
}

/// A ledger that does not answer claims.
struct Hanging(Arc<dyn Ledger>);

impl LedgerLayer for Hanging {
    fn inner(&self) -> &dyn Ledger {
        &*self.0
    }

    fn claim(&self, _: Vec<ClaimRequest>) -> BoxFuture<'_, Vec<Result<Claim, PortError>>> {
        std::future::pending().boxed()
    }
}

/// A ledger that answers no claim before as many are asked for as the barrier holds.
struct Together(Arc<dyn Ledger>, Barrier);

impl LedgerLayer for Together {
    fn inner(&self) -> &dyn Ledger {
        &*self.0
    }

    fn claim(&self, requests: Vec<ClaimRequest>) -> BoxFuture<'_, Vec<Result<Claim, PortError>>> {
        async move {
            self.1.wait().await;
            self.0.claim(requests).await
        }
        .boxed()
    }
}

fn well() -> &'static TaskDef {
    def("well", Options::new(), Body::Async(|_, _| Ok(async { Ok(None) }.boxed())))
}

fn ill(retries: u32) -> &'static TaskDef {
    let body = Body::Async(|_, _| Ok(async { Err(Stop::Retry("no luck".into())) }.boxed()));
    def("ill", Options::new().retries(retries).backoff("1h..1h"), body)
}

/// Reports that it has begun, and blocks its thread for ever.
fn stuck() -> &'static TaskDef {
    let body = Body::Async(|_, cx| {
        let begun = cx.state::<Notify>();
        Ok(async move {
            begun.notify_one();
            loop {
                std::thread::park();
            }
        }
        .boxed())
    });
    def("stuck", Options::new().timeout("10m").retries(0), body)
}

/// Ends once as many of these calls run as the barrier holds.
fn meeting() -> &'static TaskDef {
    let body = Body::Async(|_, cx| {
        let others = cx.state::<Barrier>();
        Ok(async move {
            others.wait().await;
            Ok(None)
        }
        .boxed())
    });
    def("meeting", Options::new().timeout("10m"), body)
}

/// A handler of stack `shop`, on the bench's file, whose steps are taken one by one as on a stack.
fn handler(bench: &Bench) -> Handler {
    handler_on(bench, Ports { atomic: None, ..bench.ports.clone() })
}

fn handler_on(bench: &Bench, ports: Ports) -> Handler {
    handler_beside(bench, ports, None)
}

fn handler_beside(bench: &Bench, ports: Ports, platform: Option<Arc<dyn Platform>>) -> Handler {
    let clock = Arc::clone(&bench.clock) as Arc<dyn Clock>;
    let options = celeriac_aws::Options::default().clock(clock).platform(platform);
    let backend = Backend::new(Settings::new("shop".parse().unwrap()), options).unwrap();
    Handler::on(ports, backend, Arc::clone(&bench.registry), bench.states.clone(), WorkerOptions::default())
}

/// An invocation that may take a minute.
fn request(bench: &Bench) -> Request {
    Request {
        id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
        function: "shop-worker".to_owned(),
        log_stream: "2026/11/24/[$LATEST]5f1e".to_owned(),
        deadline_ms: bench.ports.clock.now_ms() + 60_000,
    }
}

async fn handle(bench: &Bench, handler: &Handler, event: &str) -> Result<Value, HandlerError> {
    handle_as(handler, event, &request(bench)).await
}

async fn handle_as(handler: &Handler, event: &str, request: &Request) -> Result<Value, HandlerError> {
    let answer = handler.handle(event, request).await?;
    Ok(serde_json::to_value(answer).unwrap())
}

/// The payload from a dispatcher.
fn payload(deliveries: Vec<Delivery>) -> String {
    String::from_utf8(Payload { deliveries, minute: None, shard: 0, probe: false }.encode()).unwrap()
}

/// The event from a mapping of the queue.
fn event(deliveries: &[Delivery]) -> String {
    let records = deliveries.iter().enumerate().map(|(at, delivery)| {
        json!({
            "messageId": format!("message-{at}"),
            "receiptHandle": &*delivery.receipt.0,
            "body": STANDARD.encode_to_string(&delivery.body),
            "attributes": {
                "ApproximateReceiveCount": delivery.receives.to_string(),
                "SentTimestamp": delivery.sent_ms.to_string(),
            },
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:eu-central-1:123456789012:shop-{}", delivery.queue),
            "awsRegion": "eu-central-1",
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() }).to_string()
}

fn stay(ids: &[&str]) -> Value {
    let failures: Vec<_> = ids.iter().map(|id| json!({ "itemIdentifier": id })).collect();
    json!({ "batchItemFailures": failures })
}

#[tokio::test]
async fn an_invocation_runs_its_parcels_and_deletes_their_messages() {
    let bench = Bench::new([well()]);
    bench.send("well", 3).await;
    let handler = handler(&bench);
    let answer = handle(&bench, &handler, &payload(bench.receive().await)).await.unwrap();
    assert_eq!((answer, bench.tally().await.succeeded), (Value::Null, 3));
    assert!(bench.is_empty().await);
    assert!(!handler.is_worn());
}

#[tokio::test]
async fn the_ledger_knows_which_invocation_it_was() {
    let bench = Bench::new([ill(0)]);
    bench.send("ill", 1).await;
    handle(&bench, &handler(&bench), &payload(bench.receive().await)).await.unwrap();
    let worker = &bench.history(0).await[0].worker;
    assert_eq!(worker, "shop-worker/2026/11/24/[$LATEST]5f1e/8476a536-e9f4-11e8-9739-2dfe598c3fcd");
}

#[tokio::test]
async fn a_mapping_deletes_what_is_finished() {
    let bench = Bench::new([well()]);
    bench.send("well", 3).await;
    let answer = handle(&bench, &handler(&bench), &event(&bench.receive().await)).await.unwrap();
    assert_eq!((answer, bench.tally().await.succeeded), (stay(&[]), 3));
    let depth = bench.ports.queue.depths().await.unwrap().remove(0);
    assert_eq!((depth.ready, depth.in_flight), (0, 1), "nobody else has deleted it");
}

#[tokio::test]
async fn retries_move_to_another_message() {
    let bench = Bench::new([ill(3)]);
    bench.send("ill", 1).await;
    let answer = handle(&bench, &handler(&bench), &event(&bench.receive().await)).await.unwrap();
    assert_eq!(answer, stay(&[]));
    let depth = bench.ports.queue.depths().await.unwrap().remove(0);
    assert_eq!((depth.delayed, depth.in_flight), (1, 1));
}

#[tokio::test]
async fn a_parcel_that_runs_elsewhere_stays_and_the_rest_of_the_event_goes() {
    let bench = Bench::new([well()]);
    bench.send("well", 1).await;
    let held = bench.send_with("well", 1, |header| header.id = header.id.child(7)).await;
    let now_ms = bench.clock.now_ms();
    let header = Header {
        counted: true,
        count: 1,
        not_after_ms: u64::MAX,
        ..Header::new(held, bench.batch, 0, "well", "default")
    };
    let claim = ClaimRequest::of(&header, "another", now_ms, now_ms + 900_000);
    assert!(matches!(bench.ports.ledger.claim(vec![claim]).await[0], Ok(Claim::Claimed(_))));
    let answer = handle(&bench, &handler(&bench), &event(&bench.receive().await)).await.unwrap();
    assert_eq!(answer, stay(&["message-1"]));
}

#[tokio::test]
async fn an_unreadable_message_is_buried() {
    let bench = Bench::new([well()]);
    bench.send_bytes("order 4711, please".into(), 0).await;
    let answer = handle(&bench, &handler(&bench), &event(&bench.receive().await)).await.unwrap();
    assert_eq!(answer, stay(&[]));
    assert_eq!(bench.ports.queue.depths().await.unwrap()[0].buried, 1);
}

#[tokio::test]
async fn a_call_that_hangs_is_reported_before_the_platform_ends_the_process_which_ends_then() {
    let bench = Bench::new([stuck()]).with(Notify::new());
    bench.send("stuck", 1).await;
    let handler = handler(&bench);
    let deadline_ms = request(&bench).deadline_ms;
    let event = payload(bench.receive().await);
    let mut handled = Box::pin(handle(&bench, &handler, &event));
    let begun = bench.states.get::<Notify>().unwrap();
    tokio::select! {
        answer = &mut handled => panic!("it hangs: {answer:?}"),
        () = begun.notified() => {}
    }
    Box::pin(bench.while_time_passes(handled)).await.unwrap();
    assert!(bench.ports.clock.now_ms() < deadline_ms);
    let dead = bench.dead().await.remove(0);
    assert_eq!(dead.reason, Reason::TimedOut);
    assert!(dead.message.contains("it blocks thread `celeriac-"), "{}", dead.message);
    assert!(bench.is_empty().await, "settled");
    assert!(handler.is_worn(), "its thread is lost: the next event needs a new process");
}

#[tokio::test]
async fn an_invocation_that_cannot_settle_fails_before_the_platform_ends_it() {
    let bench = Bench::new([well()]);
    bench.send("well", 1).await;
    let hanging = Hanging(Arc::clone(&bench.ports.ledger));
    let handler = handler_on(&bench, Ports { atomic: None, ledger: Arc::new(hanging), ..bench.ports.clone() });
    let deadline_ms = request(&bench).deadline_ms;
    let event = payload(bench.receive().await);
    let error = Box::pin(bench.while_time_passes(handle(&bench, &handler, &event))).await.unwrap_err();
    assert!(bench.ports.clock.now_ms() < deadline_ms);
    assert_eq!(error.kind(), "Celeriac.OutOfTime");
    assert_eq!(
        error.to_string(),
        "out of time: 1 parcels were not settled 500 ms before the function's time limit; they are delivered again"
    );
    assert!(handler.is_worn(), "a claim may be on its way");
}

#[tokio::test]
async fn a_worker_whose_end_cannot_be_counted_in_time_answers_all_the_same() {
    let bench = Bench::new([well()]);
    bench.send("well", 3).await;
    let ports = Ports { atomic: None, ..bench.ports.clone() };
    let handler = handler_beside(&bench, ports, Some(Arc::new(Silent::default())));
    let deadline_ms = request(&bench).deadline_ms;
    let minute = Some(deadline_ms / 60_000 + 1);
    let event =
        String::from_utf8(Payload { deliveries: bench.receive().await, minute, shard: 0, probe: false }.encode())
            .unwrap();
    let answer = Box::pin(bench.while_time_passes(handle(&bench, &handler, &event))).await.unwrap();
    assert_eq!(answer, Value::Null);
    assert!(bench.ports.clock.now_ms() < deadline_ms, "to be killed for that is to be reported as dead");
    assert!(bench.is_empty().await, "its work is done");
}

#[tokio::test]
async fn a_probe_that_claims_a_parcel_proves_that_its_function_is_mended() {
    for probe in [true, false] {
        let bench = Bench::new([well()]);
        bench.send("well", 3).await;
        let (ports, table) = (Ports { atomic: None, ..bench.ports.clone() }, Arc::<Silent>::default());
        let handler = handler_beside(&bench, ports, Some(Arc::clone(&table) as Arc<dyn Platform>));
        let payload = Payload { deliveries: bench.receive().await, minute: None, shard: 0, probe };
        handle(&bench, &handler, &String::from_utf8(payload.encode()).unwrap()).await.unwrap();
        assert!(bench.is_empty().await, "its work is done");
        let mended: &[&str] = if probe { &["shop-worker"] } else { &[] };
        assert_eq!(*table.0.lock().unwrap(), mended);
    }
}

/// Lambda may hand several events at a time to one process.
#[tokio::test]
async fn two_events_at_once_are_answered_each_for_its_own_messages() {
    let bench = Bench::new([meeting(), ill(3)]).with(Barrier::new(2));
    for (child, task) in ["meeting", "ill", "meeting"].into_iter().enumerate() {
        bench.send_with(task, 1, |header| header.id = header.id.child(child as u32)).await;
    }
    let deliveries = bench.receive().await;
    let held = bench.send_with("well", 1, |header| header.id = header.id.child(7)).await;
    let (now_ms, until_ms) = (bench.clock.now_ms(), bench.clock.now_ms() + 900_000);
    let header = Header {
        counted: true,
        count: 1,
        not_after_ms: u64::MAX,
        ..Header::new(held, bench.batch, 0, "well", "default")
    };
    let claim = ClaimRequest::of(&header, "another", now_ms, until_ms);
    assert!(matches!(bench.ports.ledger.claim(vec![claim]).await[0], Ok(Claim::Claimed(_))));
    let elsewhere = bench.receive().await.remove(0);
    let [first, second, third] = deliveries.try_into().unwrap();
    let handler = handler(&bench);
    let (one, other) = (event(&[first, second]), event(&[elsewhere, third]));
    let requests = ["1a", "2b"].map(|id| Request { id: id.to_owned(), ..request(&bench) });
    let both = join(handle_as(&handler, &one, &requests[0]), handle_as(&handler, &other, &requests[1]));
    let (one, other) = Box::pin(bench.while_time_passes(both)).await;
    assert_eq!((one.unwrap(), other.unwrap()), (stay(&[]), stay(&["message-0"])));
    let depth = bench.ports.queue.depths().await.unwrap().remove(0);
    assert_eq!((depth.delayed, depth.in_flight), (1, 4), "their mapping deletes them, and nobody else");
    let history = bench.history(0).await;
    assert!(history[0].worker.ends_with("/1a"), "{history:?}");
}

#[tokio::test]
async fn a_probe_is_told_from_the_event_beside_it() {
    for probe in [0, 1] {
        let bench = Bench::new([well()]);
        for child in [1, 2] {
            bench.send_with("well", 1, |header| header.id = header.id.child(child)).await;
        }
        let together = Together(Arc::clone(&bench.ports.ledger), Barrier::new(2));
        let ports = Ports { atomic: None, ledger: Arc::new(together), ..bench.ports.clone() };
        let table = Arc::<Silent>::default();
        let handler = handler_beside(&bench, ports, Some(Arc::clone(&table) as Arc<dyn Platform>));
        let functions = ["shop-worker", "shop-worker-512"];
        let handled = bench.receive().await.into_iter().enumerate().map(|(at, delivery)| {
            let payload = Payload { deliveries: vec![delivery], minute: None, shard: 0, probe: at == probe };
            let (id, function) = (format!("request-{at}"), functions[at].to_owned());
            let request = Request { id, function, ..request(&bench) };
            let handler = &handler;
            async move { handle_as(handler, &String::from_utf8(payload.encode()).unwrap(), &request).await.unwrap() }
        });
        Box::pin(bench.while_time_passes(join_all(handled))).await;
        assert!(bench.is_empty().await, "their work is done");
        assert_eq!(*table.0.lock().unwrap(), [functions[probe]]);
    }
}

/// Otherwise it would keep its place in the cap for the rest of its lease.
#[tokio::test]
async fn an_end_whose_count_is_refused_is_counted_by_the_next_one() {
    let bench = Bench::new([well()]);
    let (ports, table) = (Ports { atomic: None, ..bench.ports.clone() }, Arc::<Refusing>::default());
    let handler = handler_beside(&bench, ports, Some(Arc::clone(&table) as Arc<dyn Platform>));
    let minute = request(&bench).deadline_ms / 60_000 + 1;
    for shard in [3, 5, 3, 3] {
        bench.send("well", 1).await;
        let deliveries = bench.receive().await;
        let payload = Payload { deliveries, minute: Some(minute), shard, probe: false };
        handle(&bench, &handler, &String::from_utf8(payload.encode()).unwrap()).await.unwrap();
    }
    let counted = |shard, count| (shard, Minutes::from([(minute, count)]));
    assert_eq!(*table.0.lock().unwrap(), [counted(3, -1), counted(5, -1), counted(3, -2), counted(3, -1)]);
}

#[tokio::test]
async fn an_event_of_another_kind_is_refused_with_what_was_expected() {
    let bench = Bench::new([well()]);
    let error = handle(&bench, &handler(&bench), "{\"source\": \"aws.events\"}").await.unwrap_err();
    assert_eq!(error.kind(), "Celeriac.UnknownEvent");
    let expected =
        "this function is invoked by a Celeriac dispatcher, or by a queue of its stack; this event is neither";
    assert!(error.to_string().starts_with(expected), "{error}");
    let error = handle(&bench, &handler(&bench), "{\"celeriac\": 9, \"deliveries\": []}").await.unwrap_err();
    assert!(error.to_string().contains("deploy dispatcher and workers together"), "{error}");
}

#[tokio::test]
async fn a_queue_that_is_not_of_the_stack_is_refused_by_name() {
    let bench = Bench::new([well()]);
    bench.send("well", 1).await;
    let event = event(&bench.receive().await).replace("shop-default", "bakery-default");
    let error = handle(&bench, &handler(&bench), &event).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "this function is mapped to SQS queue `bakery-default`, which is none that it serves of stack `shop`: map \
         `shop-..` to it, or name another stack with CELERIAC_STORE"
    );
}

/// A writer that a test reads.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn read(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn an_invocation_writes_a_line_of_metrics_for_each_task() {
    let bench = Bench::new([well(), ill(0)]);
    for (child, (task, calls)) in [("well", 3), ("ill", 2), ("well", 1)].into_iter().enumerate() {
        bench.send_with(task, calls, |header| header.id = header.id.child(child as u32)).await;
    }
    let (lines, now_ms) = (Lines::default(), bench.clock.now_ms());
    let handler = handler(&bench).metrics_to(lines.clone());
    handle(&bench, &handler, &payload(bench.receive().await)).await.unwrap();
    let [ill, well] = &lines.read()[..] else { panic!("{:?}", lines.read()) };
    // As in AWS's "Embedded metric format specification": an array of directives, values as members of the root.
    let directives = r#"[{"Namespace":"Celeriac","Dimensions":[["Stack","Task"]],"Metrics":[{"Name":"Succeeded","Unit":"Count"},{"Name":"Dead","Unit":"Count"},{"Name":"Retried","Unit":"Count"},{"Name":"RunTime","Unit":"Milliseconds"},{"Name":"WaitTime","Unit":"Milliseconds"}]},{"Namespace":"Celeriac","Dimensions":[["Stack"]],"Metrics":[{"Name":"Dead","Unit":"Count"}]}]"#;
    let at = celeriac_core::ports::utc(now_ms);
    let root = |values: &str| {
        format!(
            r#"{{"level":"INFO","timestamp":"{at}","_aws":{{"Timestamp":{now_ms},"CloudWatchMetrics":{directives}}},"Stack":"shop",{values}}}"#
        )
    };
    assert_eq!(*ill, root(r#""Task":"ill","Succeeded":0,"Dead":2,"Retried":0,"RunTime":[0],"WaitTime":[0]"#),);
    assert_eq!(*well, root(r#""Task":"well","Succeeded":4,"Dead":0,"Retried":0,"RunTime":[0,0],"WaitTime":[0,0]"#),);
}

#[tokio::test]
async fn parcels_that_run_elsewhere_are_in_no_metric() {
    let bench = Bench::new([well()]);
    bench.send("well", 3).await;
    let lines = Lines::default();
    let handler = handler(&bench).metrics_to(lines.clone());
    let event = payload(bench.receive().await);
    handle(&bench, &handler, &event).await.unwrap();
    // Lambda may deliver an event twice.
    handle(&bench, &handler, &event).await.unwrap();
    assert_eq!(lines.read().len(), 1);
}
