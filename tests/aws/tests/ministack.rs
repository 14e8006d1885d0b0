//! Tests that the local AWS follows a test's clock: delays, hidden messages and schedules depend on it alone.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use aws_sdk_scheduler::types::{ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use aws_tests::{Ministack, config, create_stack};
use celeriac_conformance::ManualClock;
use celeriac_core::ports::Clock as _;

/// A time that has no exact fraction of a second in binary.
const START_MS: u64 = 1_700_000_000_123;

/// One server for all tests. Their clocks move it one after the other.
static AWS: LazyLock<Arc<Ministack>> = LazyLock::new(|| Arc::new(Ministack::with_virtual_time()));

#[tokio::test]
async fn messages_and_schedules_follow_the_clock() {
    let aws = AWS.clone();
    let clock = ManualClock::with_follower(START_MS, move |now_ms| aws.set_time(now_ms));
    let queue = Queue::create(&AWS, "follow").await;
    a_delayed_message(&clock, &queue).await;
    a_hidden_message(&clock, &queue).await;
    a_long_poll(&clock, &queue).await;
    a_schedule_a_year_away(&clock, &queue).await;
}

async fn a_delayed_message(clock: &ManualClock, queue: &Queue) {
    queue.sqs.send_message().queue_url(&queue.url).message_body("later").delay_seconds(2).send().await.expect("send");
    let sent_ms = clock.now_ms();
    clock.advance(Duration::from_millis(1_999));
    assert!(queue.receive(0).await.is_empty());
    clock.advance(Duration::from_millis(1));
    let [later] = queue.receive(0).await.try_into().expect("one message");
    let sent = &later.attributes.as_ref().expect("it was asked for")[&MessageSystemAttributeName::SentTimestamp];
    assert_eq!(sent, &sent_ms.to_string());
}

async fn a_hidden_message(clock: &ManualClock, queue: &Queue) {
    clock.advance(Duration::from_millis(29_999));
    assert!(queue.receive(0).await.is_empty(), "hidden for thirty seconds");
    clock.advance(Duration::from_millis(1));
    let [again] = queue.receive(0).await.try_into().expect("one message");
    let receipt = again.receipt_handle.expect("a delivery has a receipt");
    queue.sqs.delete_message().queue_url(&queue.url).receipt_handle(receipt).send().await.expect("delete");
}

async fn a_long_poll(clock: &ManualClock, queue: &Queue) {
    let began_ms = clock.now_ms();
    assert!(clock.drive(queue.receive(1)).await.is_empty());
    let waited_ms = clock.now_ms() - began_ms;
    assert!((1_000..1_200).contains(&waited_ms), "{waited_ms}");
}

async fn a_schedule_a_year_away(clock: &ManualClock, queue: &Queue) {
    let scheduler = aws_sdk_scheduler::Client::new(&config(AWS.endpoint()).await);
    schedule(&scheduler, queue, "at(2024-11-14T00:00:00)").await;
    let due_ms = 1_731_542_400_000;
    clock.advance(Duration::from_millis(due_ms - 1 - clock.now_ms()));
    assert!(queue.receive(0).await.is_empty());
    clock.advance(Duration::from_millis(1));
    let [fired] = queue.receive(0).await.try_into().expect("one message");
    assert_eq!(fired.body.as_deref(), Some(r#"{"due":"2024-11-14T00:00:00Z"}"#));
    let gone = scheduler.get_schedule().name("later").group_name(&queue.stack).send().await.expect_err("deleted");
    assert!(gone.into_service_error().is_resource_not_found_exception());
}

/// Schedules a message to a queue. The schedule is deleted once the message is sent.
async fn schedule(scheduler: &aws_sdk_scheduler::Client, queue: &Queue, expression: &str) {
    let stack = &queue.stack;
    let target = Target::builder()
        .arn(format!("arn:aws:sqs:{}:000000000000:{stack}-mail", Ministack::REGION))
        .role_arn(format!("arn:aws:iam::000000000000:role/{stack}-scheduler"))
        .input(r#"{"due":"<aws.scheduler.scheduled-time>"}"#);
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().expect("it is complete");
    let schedule = scheduler
        .create_schedule()
        .name("later")
        .group_name(stack)
        .schedule_expression(expression)
        .flexible_time_window(window)
        .target(target.build().expect("it is complete"))
        .action_after_completion(ActionAfterCompletion::Delete);
    schedule.send().await.expect("a schedule");
}

#[tokio::test]
async fn without_virtual_time_schedules_are_looked_at_by_themselves() {
    let aws = Ministack::start();
    let queue = Queue::create(&aws, "real").await;
    schedule(&aws_sdk_scheduler::Client::new(&config(aws.endpoint()).await), &queue, "at(2024-11-14T00:00:00)").await;
    assert_eq!(queue.receive(10).await.len(), 1);
}

#[tokio::test]
async fn a_claim_is_one_conditional_write() {
    let config = config(AWS.endpoint()).await;
    create_stack(&config, "claim", &[]).await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    assert_eq!(claim(&dynamodb, 100, 130).await, Ok(1));
    assert_eq!(claim(&dynamodb, 129, 160).await, Err(130), "the lease holds, and the answer says until when");
    assert_eq!(claim(&dynamodb, 130, 160).await, Ok(2));
}

/// Claims one row. Returns its epoch, or the time until which it is held.
async fn claim(dynamodb: &aws_sdk_dynamodb::Client, now: u32, until: u32) -> Result<u32, u32> {
    let number = |value: u32| AttributeValue::N(value.to_string());
    let read = |row: &std::collections::HashMap<String, AttributeValue>, name: &str| {
        row[name].as_n().expect("a number").parse().expect("a number")
    };
    let update = dynamodb
        .update_item()
        .table_name("claim")
        .key("pk", AttributeValue::S("p#1".to_owned()))
        .key("sk", AttributeValue::S("-".to_owned()))
        .condition_expression("attribute_not_exists(pk) OR lease <= :now")
        .update_expression("SET lease = :until ADD epoch :one")
        .expression_attribute_values(":now", number(now))
        .expression_attribute_values(":until", number(until))
        .expression_attribute_values(":one", number(1))
        .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match update.send().await.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) {
        Ok(updated) => Ok(read(&updated.attributes.expect("all of it"), "epoch")),
        Err(UpdateItemError::ConditionalCheckFailedException(held)) => {
            Err(read(&held.item.expect("all of it"), "lease"))
        }
        Err(error) => panic!("{error}"),
    }
}

/// The one queue of a separate stack.
struct Queue {
    stack: String,
    sqs: aws_sdk_sqs::Client,
    url: String,
}

impl Queue {
    async fn create(aws: &Ministack, stack: &str) -> Self {
        let config = config(aws.endpoint()).await;
        create_stack(&config, stack, &["mail"]).await;
        let sqs = aws_sdk_sqs::Client::new(&config);
        let found = sqs.get_queue_url().queue_name(format!("{stack}-mail")).send().await.expect("the queue is there");
        Self { stack: stack.to_owned(), url: found.queue_url.expect("it has a URL"), sqs }
    }

    async fn receive(&self, wait_s: i32) -> Vec<Message> {
        let request = self.sqs.receive_message().queue_url(&self.url).wait_time_seconds(wait_s).visibility_timeout(30);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        request.send().await.expect("receive").messages.unwrap_or_default()
    }
}
