//! Tests the permissions that a template gives.

use serde_json::{Value, json};

use super::{deploy, of_kind, properties, resources, statement};
use crate::site::SHOP;

#[test]
fn each_part_has_the_permissions_it_needs_and_no_more() {
    let all = resources(SHOP, "queues.orders.road = \"narrow\"\nbucket = \"shop-parcels\"");
    let received = |role| statement(&all, role, "Receive")["Resource"].as_array().unwrap().clone();
    let arn = |id: &str| json!({ "Fn::GetAtt": [id, "Arn"] });
    assert_eq!(received("WorkerRole"), [arn("QueueOrders")]);
    let dispatcher = [arn("QueueDefault"), arn("DeadQueueDefault"), arn("DeadQueueOrders"), arn("FailuresQueue")];
    assert_eq!(received("DispatcherRole"), dispatcher);
    let pass = statement(&all, "WorkerRole", "SendByScheduler");
    assert_eq!((&pass["Action"], &pass["Resource"]), (&json!(["iam:PassRole"]), &json!([arn("SchedulerRole")])));
    let objects = statement(&all, "WorkerRole", "Objects");
    let folder = |name: &str| json!({ "Fn::Sub": format!("arn:${{AWS::Partition}}:s3:::shop-parcels/{name}/*") });
    assert_eq!(objects["Resource"], json!([folder("parcels"), folder("records")]));
    // A wildcard stands for a whole resource only where AWS offers nothing else.
    let whole = all.to_string().matches("\"Resource\":[\"*\"]").count();
    assert_eq!(whole, 2, "those of sqs:ListQueues, for readers and operators");
    let outputs = deploy(SHOP, "").ok().json()["Outputs"].take();
    for policy in ["SendPolicy", "ReadPolicy", "OperatePolicy", "WorkerPolicy", "DispatcherPolicy"] {
        assert_eq!(outputs[format!("{policy}Arn")]["Value"]["Ref"], policy);
    }
}

#[test]
fn roles_have_the_boundary_and_the_path_of_a_company() {
    let boundary = "arn:aws:iam::111122223333:policy/boundary";
    let all = resources(SHOP, &format!("permissions_boundary = \"{boundary}\"\nrole_path = \"/team/\""));
    let roles = of_kind(&all, "AWS::IAM::Role");
    assert_eq!(roles.len(), 3);
    for role in roles {
        assert_eq!((&role["PermissionsBoundary"], &role["Path"]), (&json!(boundary), &json!("/team/")));
    }
    let policies = of_kind(&all, "AWS::IAM::ManagedPolicy");
    assert_eq!(policies.len(), 5);
    assert!(policies.iter().all(|policy| policy["Path"] == "/team/"));
    // The sender of a call that is delayed for long names the role of Scheduler.
    let answer = deploy(SHOP, "role_path = \"/team/\"").ok().json();
    assert_eq!(answer["Outputs"]["CeleriacRolePath"]["Value"], "/team/");
    for function in of_kind(&all, "AWS::Lambda::Function") {
        assert_eq!(function["Environment"]["Variables"]["CELERIAC_ROLE_PATH"], "/team/");
    }
    let plain = resources(SHOP, "").to_string();
    assert!(!plain.contains("PermissionsBoundary") && !plain.contains("\"Path\"") && !plain.contains("ROLE_PATH"));
}

#[test]
fn whoever_delays_calls_has_the_key_that_encrypts_them() {
    let key = "arn:aws:kms:eu-central-1:111122223333:key/shop";
    let template = deploy(SHOP, &format!("kms_key = \"{key}\"")).ok().json();
    let all = &template["Resources"];
    let actions = |statement: &Value| {
        assert_eq!(statement["Resource"], json!([key]));
        statement["Action"].clone()
    };
    // What EventBridge Scheduler's "Using identity-based policies" names for a principal that creates a schedule.
    let sender = json!(["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]);
    for function in ["Dispatcher", "Worker"] {
        assert_eq!(properties(all, function)["Environment"]["Variables"]["CELERIAC_KMS_KEY"], key);
        assert_eq!(actions(statement(all, &format!("{function}Role"), "Encryption")), sender);
    }
    assert_eq!(template["Outputs"]["CeleriacKmsKey"]["Value"], key);
    for policy in ["SendPolicy", "OperatePolicy", "WorkerPolicy", "DispatcherPolicy"] {
        let policy = properties(all, policy)["PolicyDocument"]["Statement"].as_array().unwrap();
        assert_eq!(actions(policy.iter().find(|one| one["Sid"] == "Encryption").unwrap()), sender);
    }
    assert_eq!(actions(statement(all, "SchedulerRole", "Encryption")), json!(["kms:Decrypt", "kms:GenerateDataKey"]));
    let without = deploy(SHOP, "").ok();
    assert!(!without.out.contains("kms") && !without.out.contains("KMS_KEY"), "{}", without.out);
}
