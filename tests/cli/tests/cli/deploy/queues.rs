//! Tests the queues of a template, and what holds calls when a stack ends.

use serde_json::{Value, json};

use super::{FILMS, SIZES, deploy, properties, resources};
use crate::site::SHOP;

#[test]
fn queues_keep_a_message_while_its_receiver_works() {
    let all = resources(SHOP, "[queues.orders]\nroad = \"narrow\"\nconcurrency = 20\n[dispatcher]\ntimeout = \"20s\"");
    let (wide, narrow) = (properties(&all, "QueueDefault"), properties(&all, "QueueOrders"));
    assert_eq!((&wide["VisibilityTimeout"], &narrow["VisibilityTimeout"]), (&json!(120), &json!(6 * 610)));
    assert_eq!(narrow["MessageRetentionPeriod"], 14 * 86_400);
    let mapping = |id| {
        let mapping = properties(&all, id);
        assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
        (&mapping["FunctionName"]["Ref"], &mapping["ScalingConfig"]["MaximumConcurrency"])
    };
    assert_eq!(mapping("MappingDefault"), (&json!("Dispatcher"), &json!(3)));
    assert_eq!(mapping("MappingOrders"), (&json!("Worker"), &json!(20)));
    // Lambda polls an empty queue with two pollers instead of five if nothing limits them.
    for id in ["DeadMappingDefault", "DeadMappingOrders", "FailuresMapping"] {
        assert_eq!(mapping(id), (&json!("Dispatcher"), &Value::Null));
        assert!(properties(&all, id).get("ScalingConfig").is_none());
    }
}

#[test]
fn a_message_that_is_received_in_vain_is_dead_before_sqs_deletes_it() {
    let retention_s = 14 * 86_400;
    // The worker's time limit, and how often SQS may hand a message out that is hidden for six times as long.
    for (timeout, most) in [("70s", 1_000), ("2m", 1_000), ("5m", 480), ("15m", 160)] {
        let all = resources(SIZES, &format!("{FILMS}queues.orders.road = \"narrow\"\nworker.timeout = \"{timeout}\""));
        let queue = properties(&all, "QueueOrders");
        let (receives, hidden_s) = (&queue["RedrivePolicy"]["maxReceiveCount"], &queue["VisibilityTimeout"]);
        assert_eq!(receives, most, "{timeout}");
        let dead_after_s = receives.as_u64().unwrap() * hidden_s.as_u64().unwrap();
        assert!(dead_after_s <= retention_s - 4 * 86_400, "{timeout}: {dead_after_s} s");
    }
    // The same for a dispatcher that fails.
    let all = resources(SHOP, "dispatcher.timeout = \"15m\"");
    assert_eq!(properties(&all, "QueueDefault")["RedrivePolicy"]["maxReceiveCount"], 160);
}

/// The kinds of resources that hold calls. Each has a name of its own, which a second one cannot have.
const HOLDING: [&str; 3] = ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue"];

#[test]
fn what_holds_calls_outlives_the_stack_but_not_a_failed_first_deployment() {
    let settings = |retain| format!("retain = {retain}\nbucket = \"create\"\n[queues.mail]\nroad = \"narrow\"");
    for (retain, removed, replaced) in [(true, "RetainExceptOnCreate", "Retain"), (false, "Delete", "Delete")] {
        let all = resources(SHOP, &settings(retain));
        let mut holding = Vec::new();
        for (id, resource) in all.as_object().unwrap() {
            let kind = resource["Type"].as_str().unwrap();
            // Reports of failed invocations are no calls.
            if HOLDING.contains(&kind) && id != "FailuresQueue" {
                assert_eq!(
                    (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]),
                    (&json!(removed), &json!(replaced)),
                    "{id}"
                );
                holding.push(kind);
            } else {
                assert_eq!(
                    (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]),
                    (&Value::Null, &Value::Null),
                    "{id}"
                );
            }
        }
        holding.sort_unstable();
        holding.dedup();
        assert_eq!(holding, HOLDING);
    }
}

#[test]
fn queues_that_cannot_be_deployed_are_named() {
    let long = "q".repeat(76);
    deploy(SHOP, &format!("[queues.failures]\n[queues.mail-dead]\n[queues.{long}]\n")).fails(
        3,
        &format!(
            "error: queue `failures`: stack `prod` needs that name for itself; no queue is `failures` or ends in \
             `-dead`\n\
             queue `mail-dead`: stack `prod` needs that name for itself; no queue is `failures` or ends in `-dead`\n\
             queue `{long}`: `prod-{long}-dead` has 86 characters, SQS takes at most 80: shorten one of the two"
        ),
    );
    let many: String = (0..60).fold(String::new(), |all, queue| all + &format!("[queues.q{queue}]\n"));
    let answer = deploy(SHOP, &many);
    assert_eq!(answer.code, Some(3));
    let why = "error: stack `prod` has 62 queues: their names are 14992 characters of the dispatcher's policy, of which IAM \
               takes no more than 7740: use fewer queues, or shorter names";
    assert_eq!(answer.err.trim_end(), why);
}
