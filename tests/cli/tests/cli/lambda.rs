//! Tests the program as a Lambda function: how it starts, answers and ends.

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    runtime_api::{RuntimeApi, Said},
    service::Service,
    site::{SHOP, Site},
};

/// The shop on a stack whose services do not answer.
fn shop(site: &Site) -> Command {
    let mut command = site.program(SHOP, &[]);
    command.env("CELERIAC_STORE", "aws:shop").env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    command.env("AWS_REGION", "eu-central-1").env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command
}

/// Asserts that the shop does not start with these variables in its environment, and why.
#[track_caller]
fn does_not_start(handler: &str, says: &[(&str, &str)], why: &str) {
    let (site, api) = (Site::new(), RuntimeApi::new([]));
    let mut program = shop(&site);
    program.envs(says.iter().copied());
    let function = api.start(program, handler);
    match api.said() {
        Said::InitError(kind, report) => {
            assert_eq!((&*kind, &report["errorType"]), ("Celeriac.InitError", &json!("Celeriac.InitError")));
            assert_eq!(report["errorMessage"], why);
        }
        other => panic!("{other:?}"),
    }
    let (code, log) = function.ended();
    assert_eq!(code, Some(1), "{log}");
    let line: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((&line["level"], &line["message"]), (&json!("ERROR"), &json!(why)));
}

#[test]
fn a_function_with_another_handler_does_not_start() {
    let why = "the function's handler is `bootstrap`: it must be `dispatcher` or `worker`";
    does_not_start("bootstrap", &[], why);
}

#[test]
fn a_function_that_names_no_stack_does_not_start() {
    let why = "the function's environment names no stack: set CELERIAC_STORE to `aws:NAME` there";
    for handler in ["dispatcher", "worker"] {
        does_not_start(handler, &[("CELERIAC_STORE", "")], why);
    }
    let why = "`Shop` is no stack's name: a letter, then 2 to 39 more of a-z, 0-9 and `-`";
    does_not_start("worker", &[("CELERIAC_STORE", "aws:Shop")], why);
}

#[test]
fn a_function_whose_key_is_not_named_by_its_arn_does_not_start() {
    let why =
        "CELERIAC_KMS_KEY is `shop`: a key's ARN, `arn:..:kms:..:key/..`, or its alias's, `arn:..:kms:..:alias/..`";
    does_not_start("worker", &[("CELERIAC_KMS_KEY", "shop")], why);
}

#[test]
fn a_function_whose_metrics_are_neither_on_nor_off_does_not_start() {
    does_not_start("worker", &[("CELERIAC_METRICS", "yes")], "CELERIAC_METRICS is `yes`: `on` or `off`");
}

#[test]
fn a_worker_whose_set_up_fails_does_not_start() {
    does_not_start("worker", &[("SHOP_SETUP", "fails")], "the set-up failed: the till is locked");
    let why = "the set-up names a store, but a function works on the stack that CELERIAC_STORE names: let it name none";
    does_not_start("worker", &[("SHOP_SETUP", "names a database")], why);
}

#[test]
fn a_dispatcher_runs_no_set_up_and_goes_on_after_an_event_that_is_none() {
    let api = RuntimeApi::new([json!({ "source": "aws.events" }), json!({ "Records": [] })]);
    let site = Site::new();
    let mut program = shop(&site);
    program.env("SHOP_SETUP", "fails");
    let function = api.start(program, "dispatcher");
    let why = match api.said() {
        Said::Error(id, report) => {
            assert_eq!((&*id, &report["errorType"]), ("request-0", &json!("Celeriac.UnknownEvent")));
            report["errorMessage"].as_str().unwrap().to_owned()
        }
        other => panic!("{other:?}"),
    };
    assert!(why.starts_with("this function is invoked with messages of the queues of stack `shop`"), "{why}");
    assert_eq!(api.said(), Said::Answer("request-1".to_owned(), json!({ "batchItemFailures": [] })));
    let log = function.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert_eq!((&lines[0]["level"], &lines[0]["message"]), (&json!("ERROR"), &json!(why)));
    assert_eq!(lines[0]["span"]["requestId"], "request-0");
}

#[test]
fn a_worker_runs_its_set_up_and_writes_one_line_for_an_invocation() {
    let api = RuntimeApi::new([json!({ "celeriac": 1, "deliveries": [] })]);
    let site = Site::new();
    let function = api.start(shop(&site), "worker");
    assert_eq!(api.said(), Said::Answer("request-0".to_owned(), Value::Null));
    let log = function.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{log}");
    let line = &lines[0];
    assert_eq!((&line["message"], &line["span"]["requestId"]), (&json!("ran"), &json!("request-0")));
    for count in ["parcels", "aside", "unsettled", "calls", "succeeded", "dead", "retries", "handed_on"] {
        assert_eq!(line[count], 0, "{count}: {log}");
    }
    assert!(line["took_ms"].is_u64(), "{log}");
}

#[test]
fn rust_log_says_more_exactly_than_the_functions_level_how_much_is_logged() {
    for (wanted, lines) in
        [("celeriac_worker=warn", 0), ("off", 0), ("warn,celeriac=info", 1), ("", 1), ("celeriac=loud", 2)]
    {
        let api = RuntimeApi::new([json!({ "celeriac": 1, "deliveries": [] })]);
        let site = Site::new();
        let mut program = shop(&site);
        program.env("RUST_LOG", wanted);
        let function = api.start(program, "worker");
        assert_eq!(api.said(), Said::Answer("request-0".to_owned(), Value::Null));
        let log = function.log();
        assert_eq!(log.lines().count(), lines, "{wanted}: {log}");
        assert_eq!(log.starts_with("warning: RUST_LOG is `celeriac=loud`, which is ignored: "), lines == 2, "{log}");
    }
}

#[test]
fn a_worker_that_is_out_of_time_answers_and_ends() {
    // No service answers the request that would bury this unreadable message.
    let delivery = json!({ "queue": "orders", "body": "b3JkZXI=", "receipt": "AQEB", "receives": 1, "sent_ms": 0 });
    let events = [json!({ "celeriac": 1, "deliveries": [delivery] }), json!({ "celeriac": 1, "deliveries": [] })];
    let api = RuntimeApi::new(events);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let site = Site::new();
    let mut program = shop(&site);
    program.env("AWS_ENDPOINT_URL", format!("http://{}", silent.local_addr().unwrap()));
    let function = api.start(program, "worker");
    match api.said() {
        Said::Error(id, report) => {
            assert_eq!((&*id, &report["errorType"]), ("request-0", &json!("Celeriac.OutOfTime")));
        }
        other => panic!("{other:?}"),
    }
    let (code, log) = function.ended();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_function_has_its_connections_before_its_first_event() {
    // No service is asked for an event without messages. The second event has a message that nobody can read: a
    // dispatcher and a worker put it into the dead-letter queue.
    let message = json!({ "messageId": "message-0", "receiptHandle": "AQEB", "body": "b3JkZXI=",
        "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "0" }, "messageAttributes": {},
        "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:shop-orders" });
    for (handler, asks_lambda) in [("dispatcher", true), ("worker", false)] {
        let api = RuntimeApi::new([json!({ "Records": [] }), json!({ "Records": [message] })]);
        let (site, sqs, lambda, dynamodb) = (Site::new(), Service::new(), Service::new(), Service::new());
        let mut program = shop(&site);
        let endpoints = [("SQS", &sqs), ("LAMBDA", &lambda), ("DYNAMODB", &dynamodb)];
        program.envs(endpoints.map(|(name, service)| (format!("AWS_ENDPOINT_URL_{name}"), service.url())));
        let _function = api.start(program, handler);
        assert_eq!(api.said(), Said::Answer("request-0".to_owned(), json!({ "batchItemFailures": [] })));
        // The queues of the shop's tasks, one after the other.
        assert_eq!(sqs.operations()[..2], ["GetQueueUrl", "GetQueueUrl"], "{handler}");
        assert_eq!(dynamodb.operations()[..1], ["GetItem"], "{handler}");
        assert_eq!(lambda.operations(), if asks_lambda { vec!["DryRun"] } else { vec![] }, "{handler}");
        assert!(matches!(api.said(), Said::Answer(..)), "{handler}");
        assert!(sqs.operations().iter().any(|operation| operation.starts_with("SendMessage")), "{handler}");
        assert_eq!((sqs.connections(), dynamodb.connections()), (1, 1), "{handler}");
    }
}
