//! Tests queues through the SDK.

#![allow(clippy::unwrap_used, reason = "in a test that is a failure")]

mod common;

use std::{sync::Arc, time::Duration};

use aws_host::{Failure, Faults, Function, Host, HostOptions, Mapping, Runs, Stub};
use aws_sdk_sqs::{
    Client,
    types::{
        ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
        MessageSystemAttributeName as Attribute, QueueAttributeName, SendMessageBatchRequestEntry,
    },
};
use bytes::Bytes;
use common::{config, until};

struct Setup {
    host: Arc<Host>,
    client: Client,
    url: String,
}

async fn setup(options: HostOptions) -> Setup {
    let host = Arc::new(Host::start(HostOptions { queues: vec!["mail".to_owned()], ..options }).unwrap());
    let client = Client::new(&config(&host).await);
    let url = client.get_queue_url().queue_name("mail").send().await.unwrap().queue_url.unwrap();
    Setup { host, client, url }
}

impl Setup {
    async fn send(&self, body: &str) {
        self.client.send_message().queue_url(&self.url).message_body(body).send().await.unwrap();
    }

    async fn receive(&self, visibility_s: i32, wait_s: i32) -> Vec<Message> {
        let request = self.client.receive_message().queue_url(&self.url).max_number_of_messages(10);
        let request = request.message_system_attribute_names(Attribute::All);
        let answer = request.visibility_timeout(visibility_s).wait_time_seconds(wait_s).send().await.unwrap();
        answer.messages.unwrap_or_default()
    }

    async fn send_batch(&self, bodies: &[String]) -> Result<usize, aws_sdk_sqs::Error> {
        let entries = bodies.iter().enumerate().map(|(n, body)| {
            SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body(body).build().unwrap()
        });
        let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries.collect()));
        Ok(request.send().await?.successful.len())
    }

    async fn hide(&self, receipt: &str, visibility_s: i32) -> Result<(), String> {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id("0").receipt_handle(receipt);
        let entry = entry.visibility_timeout(visibility_s).build().unwrap();
        let request = self.client.change_message_visibility_batch().queue_url(&self.url).entries(entry);
        let answer = request.send().await.unwrap();
        answer.failed.first().map_or(Ok(()), |failed| Err(failed.code().to_owned()))
    }

    async fn delete(&self, receipt: &str) {
        let entry = DeleteMessageBatchRequestEntry::builder().id("0").receipt_handle(receipt).build().unwrap();
        let request = self.client.delete_message_batch().queue_url(&self.url).entries(entry);
        assert_eq!(request.send().await.unwrap().successful.len(), 1);
    }

    /// Ready, in flight, delayed.
    async fn depth(&self) -> [String; 3] {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = request.set_attribute_names(Some(names.to_vec())).send().await.unwrap();
        let attributes = answer.attributes.unwrap();
        names.map(|name| attributes[&name].clone())
    }
}

fn receipt(message: &Message) -> &str {
    message.receipt_handle().unwrap()
}

fn attribute(message: &Message, name: &Attribute) -> String {
    message.attributes().unwrap()[name].clone()
}

#[tokio::test]
async fn a_message_is_hidden_shown_again_and_deleted_by_its_latest_receipt() {
    let setup = setup(HostOptions::default()).await;
    let text = "plain, \"quoted\" \\ and ünïcode\n";
    setup.send(text).await;
    let first = setup.receive(60, 0).await;
    assert_eq!(first[0].body(), Some(text));
    assert!(attribute(&first[0], &Attribute::SentTimestamp).parse::<u64>().unwrap() > 1_700_000_000_000);
    assert!(setup.receive(60, 0).await.is_empty(), "hidden");
    assert_eq!(setup.depth().await, ["0", "1", "0"]);
    setup.hide(receipt(&first[0]), 0).await.unwrap();
    let second = setup.receive(60, 0).await;
    assert_eq!(attribute(&second[0], &Attribute::ApproximateReceiveCount), "2");
    setup.delete(receipt(&first[0])).await;
    assert_eq!(setup.depth().await, ["0", "1", "0"], "an old receipt deletes nothing");
    assert_eq!(setup.hide(receipt(&first[0]), 5).await.unwrap_err(), "MessageNotInflight");
    assert_eq!(setup.hide("nonsense", 5).await.unwrap_err(), "ReceiptHandleIsInvalid");
    setup.delete(receipt(&second[0])).await;
    assert_eq!(setup.depth().await, ["0", "0", "0"]);
}

#[tokio::test]
async fn a_message_reappears_when_its_time_is_over() {
    let setup = setup(HostOptions::default()).await;
    setup.send("again").await;
    assert_eq!(setup.receive(1, 0).await.len(), 1);
    assert!(setup.receive(1, 0).await.is_empty());
    assert_eq!(setup.receive(60, 5).await.len(), 1, "a long poll sees it reappear");
}

#[tokio::test]
async fn a_long_poll_waits_for_a_message() {
    let setup = setup(HostOptions::default()).await;
    let (received, ()) = tokio::join!(setup.receive(60, 10), async {
        until(&setup.host, |stats| stats.requests.contains_key("ReceiveMessage")).await;
        setup.send("here").await;
    });
    assert_eq!(received[0].body(), Some("here"));
    let stats = setup.host.stats();
    assert_eq!((stats.received.count, stats.requests["SendMessage"]), (1, 1));
}

#[tokio::test]
async fn a_delayed_message_waits() {
    let setup = setup(HostOptions::default()).await;
    let request = setup.client.send_message().queue_url(&setup.url).message_body("later");
    request.delay_seconds(1).send().await.unwrap();
    assert_eq!(setup.depth().await, ["0", "0", "1"]);
    assert!(setup.receive(60, 0).await.is_empty());
    assert_eq!(setup.receive(60, 5).await.len(), 1);
}

#[tokio::test]
async fn a_batch_has_ten_messages_and_a_mebibyte_at_most() {
    let setup = setup(HostOptions::default()).await;
    let mebibyte = "x".repeat(1 << 20);
    assert_eq!(setup.send_batch(std::slice::from_ref(&mebibyte)).await.unwrap(), 1);
    assert_eq!(setup.receive(60, 0).await[0].body(), Some(mebibyte.as_str()));
    let error = setup.send_batch(&[mebibyte, "x".to_owned()]).await.unwrap_err();
    assert!(matches!(error, aws_sdk_sqs::Error::BatchRequestTooLong(_)), "{error:?}");
    let ten: Vec<String> = (0..10).map(|n| format!("message {n}")).collect();
    assert_eq!(setup.send_batch(&ten).await.unwrap(), 10);
    assert_eq!(setup.receive(60, 0).await.len(), 10);
    let error = setup.send_batch(&vec![String::from("x"); 11]).await.unwrap_err();
    assert!(matches!(error, aws_sdk_sqs::Error::TooManyEntriesInBatchRequest(_)), "{error:?}");
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_said_to_be_missing() {
    let setup = setup(HostOptions::default()).await;
    let error = setup.client.get_queue_url().queue_name("nobody").send().await.unwrap_err();
    assert!(error.into_service_error().is_queue_does_not_exist());
}

/// A function that accepts every message except "fail", and fails if a message is "boom".
fn picky() -> Function {
    let stub: Stub = Arc::new(|event| Box::pin(std::future::ready(pick(&event))));
    Function::new("worker", Runs::Stub(stub))
}

fn pick(event: &[u8]) -> Result<Bytes, Failure> {
    let event: serde_json::Value = serde_json::from_slice(event).unwrap();
    let records = event["Records"].as_array().unwrap();
    if records.iter().any(|record| record["body"] == "boom") {
        return Err(Failure::new("Boom", "as asked"));
    }
    let failed = records.iter().filter(|record| record["body"] == "fail");
    let failed: Vec<_> = failed.map(|record| serde_json::json!({ "itemIdentifier": record["messageId"] })).collect();
    Ok(Bytes::from(serde_json::json!({ "batchItemFailures": failed }).to_string()))
}

#[tokio::test]
async fn a_mapping_deletes_what_the_function_took() {
    let mapping = Mapping { queue: "mail".to_owned(), function: "worker".to_owned(), batch: 10, concurrency: 1 };
    let (functions, mappings) = (vec![picky()], vec![mapping]);
    let setup = setup(HostOptions { functions, mappings, faults: Faults::NONE, ..HostOptions::default() }).await;
    setup.send_batch(&["well".to_owned(), "fail".to_owned()]).await.unwrap();
    until(&setup.host, |stats| stats.ended.count >= 1 && stats.received.count == 2).await;
    let gone = async {
        while setup.depth().await != ["0", "1", "0"] {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("one is deleted, one stays hidden");
    setup.send("boom").await;
    until(&setup.host, |stats| stats.failed == 1).await;
    assert_eq!(setup.depth().await, ["0", "2", "0"]);
}
