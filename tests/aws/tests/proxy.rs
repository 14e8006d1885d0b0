//! Tests that the proxy applies the faults it reports.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_config::retry::RetryConfig;
use aws_sdk_sqs::{Client, types::SendMessageBatchRequestEntry};
use aws_tests::{Asked, Fault, Ministack, Odds, Proxy, config};

static AWS: LazyLock<Ministack> = LazyLock::new(Ministack::start);

/// Sends a message through a fault with a client that tries once. Returns the client's outcome, and how often the
/// message exists.
async fn send_through(fault: Fault) -> (Result<(), String>, usize) {
    static QUEUES: AtomicUsize = AtomicUsize::new(0);
    let direct = Client::new(&config(AWS.endpoint()).await);
    let name = format!("q{}", QUEUES.fetch_add(1, Ordering::Relaxed));
    let url = direct.create_queue().queue_name(name).send().await.expect("a queue").queue_url.expect("it has a URL");
    let proxy = Proxy::start(AWS.endpoint(), move |_: &Asked| fault.clone());
    let sent = once(&proxy).await.send_message().queue_url(&url).message_body("hello").send();
    let sent = match tokio::time::timeout(Duration::from_secs(1), sent).await {
        Ok(sent) => sent.map(drop).map_err(|error| format!("{error:?}")),
        Err(_) => Err("nothing is answered".to_owned()),
    };
    let received = direct.receive_message().queue_url(&url).max_number_of_messages(10).send().await.expect("receive");
    (sent, received.messages.unwrap_or_default().len())
}

async fn once(proxy: &Proxy) -> Client {
    let config = config(proxy.endpoint()).await;
    Client::from_conf(aws_sdk_sqs::config::Builder::from(&config).retry_config(RetryConfig::disabled()).build())
}

#[tokio::test]
async fn each_fault_is_what_it_says() {
    assert_eq!(send_through(Fault::None).await, (Ok(()), 1));
    assert_eq!(send_through(Fault::Late(Duration::from_millis(50))).await, (Ok(()), 1));
    assert_eq!(send_through(Fault::Twice).await, (Ok(()), 2));
    assert_eq!(send_through(Fault::Swallowed(200)).await, (Ok(()), 0));
    assert_eq!(send_through(Fault::Lost).await, (Err("nothing is answered".to_owned()), 0));
    for (fault, there) in [(Fault::CutBefore, 0), (Fault::CutAfter, 1)] {
        let (sent, found) = send_through(fault).await;
        let error = sent.unwrap_err();
        assert!(error.contains("DispatchFailure"), "{error}");
        assert_eq!(found, there);
    }
    let (sent, found) = send_through(Fault::Refused(400, "RequestThrottled")).await;
    let error = sent.unwrap_err();
    assert!(error.contains("RequestThrottled"), "{error}");
    assert_eq!(found, 0);
}

#[tokio::test]
async fn a_batch_is_refused_in_part() {
    let direct = Client::new(&config(AWS.endpoint()).await);
    let url = direct.create_queue().queue_name("part").send().await.expect("a queue").queue_url.expect("it has a URL");
    let proxy = Proxy::start(AWS.endpoint(), |asked: &Asked| match asked.operation.as_str() {
        "SendMessageBatch" => Fault::Partly("InternalError"),
        _ => Fault::None,
    });
    let entry = |id: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(id).build().expect("complete");
    let entries = ["a", "b", "c"].map(entry).to_vec();
    let sent = once(&proxy).await.send_message_batch().queue_url(&url).set_entries(Some(entries)).send().await;
    let sent = sent.expect("in part");
    assert_eq!(sent.successful.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(
        sent.failed.iter().map(|entry| (entry.id.as_str(), entry.code.as_str())).collect::<Vec<_>>(),
        [("b", "InternalError")]
    );
    assert_eq!(proxy.faults(), 1);
}

#[tokio::test]
async fn a_rule_is_told_which_request_it_is() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let proxy = Proxy::start(AWS.endpoint(), {
        let asked = asked.clone();
        move |request: &Asked| {
            asked.lock().expect("no test has failed").push(format!("{} {}", request.service, request.operation));
            Fault::None
        }
    });
    let config = config(proxy.endpoint()).await;
    Client::new(&config).list_queues().send().await.expect("queues");
    aws_sdk_dynamodb::Client::new(&config).list_tables().send().await.expect("tables");
    aws_sdk_scheduler::Client::new(&config).list_schedules().send().await.expect("schedules");
    let asked = asked.lock().expect("no test has failed").clone();
    assert_eq!(asked, ["sqs ListQueues", "dynamodb ListTables", "scheduler GET /schedules"]);
}

#[test]
fn odds_are_the_same_for_one_seed() {
    let draw = |seed| {
        let odds = Odds::new(seed).percent(10, Fault::Lost).percent(20, Fault::Twice);
        (0..1000).map(|_| odds.draw()).collect::<Vec<_>>()
    };
    let drawn = draw(7);
    assert_eq!(drawn, draw(7));
    assert_ne!(drawn, draw(8));
    let count = |fault: &Fault| drawn.iter().filter(|drawn| *drawn == fault).count();
    assert!((70..130).contains(&count(&Fault::Lost)) && (160..240).contains(&count(&Fault::Twice)));
}
