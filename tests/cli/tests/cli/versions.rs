//! Tests functions that are published as versions: what makes another version, who names the alias, and environments
//! that are kept ready.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    deploy::{FILMS, SIZES, deploy_with, properties, statement},
    site::{Answer, SHOP},
};

/// Runs `deploy template` for a zip with this key.
fn of_code(program: &str, settings: &str, key: &str) -> Answer {
    deploy_with(program, settings, &["--code", key])
}

fn resources(program: &str, settings: &str, key: &str) -> Value {
    of_code(program, settings, key).ok().json()["Resources"].take()
}

/// The ids of the resources of a kind.
fn ids(resources: &Value, kind: &str) -> BTreeSet<String> {
    let all = resources.as_object().unwrap().iter().filter(|(_, one)| one["Type"] == kind);
    all.map(|(id, _)| id.clone()).collect()
}

fn versions(settings: &str, key: &str) -> BTreeSet<String> {
    ids(&resources(SHOP, settings, key), "AWS::Lambda::Version")
}

#[test]
fn a_version_is_published_for_each_code_and_each_configuration() {
    let first = versions("", "shop-1.zip");
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(versions("", "shop-1.zip"), first, "the same code and settings");
    assert!(versions("", "shop-2.zip").is_disjoint(&first), "other code");
    assert!(versions("environment.SHOP = \"open\"", "shop-1.zip").is_disjoint(&first), "another environment");
    let of_worker = versions("worker.memory = 1024", "shop-1.zip");
    assert_eq!(of_worker.intersection(&first).count(), 1, "the dispatcher is the same: {of_worker:?}");
    // Lambda refuses to publish a version that is like the one before.
    for settings in
        ["tags.team = \"shop\"", "worker.reserved_concurrency = 100", "log_days = 7", "alarms.enabled = false"]
    {
        assert_eq!(versions(settings, "shop-1.zip"), first, "{settings}");
    }
}

#[test]
fn an_older_version_stays_for_a_step_back_but_not_one_of_a_failed_deployment() {
    let all = resources(SHOP, "retain = false", "shop-1.zip");
    for id in ids(&all, "AWS::Lambda::Version") {
        assert_eq!(
            (&all[&id]["DeletionPolicy"], &all[&id]["UpdateReplacePolicy"]),
            (&json!("RetainExceptOnCreate"), &json!("Retain"))
        );
        assert_eq!(all[&id]["Properties"]["Description"], "shop-1.zip");
    }
}

#[test]
fn everything_that_invokes_a_function_names_its_alias() {
    let road = "queues.orders.road = \"narrow\"";
    let template = of_code(SHOP, road, "shop-1.zip").ok().json();
    let all = &template["Resources"];
    for function in ["Dispatcher", "Worker"] {
        let alias = properties(all, &format!("{function}Alias"));
        assert_eq!((&alias["Name"], &alias["FunctionName"]["Ref"]), (&json!("live"), &json!(function)));
        let version = alias["FunctionVersion"]["Fn::GetAtt"][0].as_str().unwrap();
        assert_eq!(properties(all, version)["FunctionName"]["Ref"], function);
        let events = format!("{function}Events");
        assert_eq!(
            (&properties(all, &events)["Qualifier"], &all[&events]["DependsOn"]),
            (&json!("live"), &json!(format!("{function}Alias")))
        );
        assert_eq!(properties(all, function)["Code"]["S3Key"], "shop-1.zip");
        assert!(alias.get("ProvisionedConcurrencyConfig").is_none());
    }
    assert_eq!(properties(all, "MappingDefault")["FunctionName"]["Ref"], "DispatcherAlias");
    assert_eq!(properties(all, "MappingOrders")["FunctionName"]["Ref"], "WorkerAlias");
    assert_eq!(properties(all, "FailuresMapping")["FunctionName"]["Ref"], "DispatcherAlias");
    assert_eq!(properties(all, "SweepSchedule")["Target"]["Arn"]["Ref"], "DispatcherAlias");
    assert_eq!(properties(all, "Dispatcher")["Environment"]["Variables"]["CELERIAC_ALIAS"], "live");
    // A permission for a function is none for its alias.
    for (role, sid, function) in
        [("DispatcherRole", "Invoke", "prod-worker"), ("SchedulerRole", "Sweep", "prod-dispatcher")]
    {
        let invoked = statement(all, role, sid)["Resource"].to_string();
        assert!(invoked.contains(&format!("function:{function}:live\"")), "{role}: {invoked}");
    }
    assert!(properties(all, "DispatcherPolicy").to_string().contains("function:prod-worker:live"));
    assert_eq!(template["Outputs"]["CeleriacAlias"]["Value"], "live");
    assert_eq!(template["Parameters"].as_object().unwrap().keys().collect::<Vec<_>>(), ["CodeBucket"]);
}

#[test]
fn without_the_key_of_the_code_there_are_no_versions() {
    let template = deploy_with(SHOP, "", &[]).ok();
    for word in ["AWS::Lambda::Version", "AWS::Lambda::Alias", "CELERIAC_ALIAS", "CeleriacAlias", ":live"] {
        assert!(!template.out.contains(word), "{word}");
    }
}

#[test]
fn environments_are_kept_ready_for_a_queue() {
    let settings = "[queues.orders]\nroad = \"narrow\"\nprovisioned_concurrency = 3\n[queues.default]\nprovisioned_concurrency = 2";
    let all = resources(SHOP, settings, "shop-1.zip");
    // Both queues are served by one function.
    let ready = &properties(&all, "WorkerAlias")["ProvisionedConcurrencyConfig"];
    assert_eq!(*ready, json!({ "ProvisionedConcurrentExecutions": 5 }));
    assert!(properties(&all, "DispatcherAlias").get("ProvisionedConcurrencyConfig").is_none());
}

#[test]
fn environments_that_cannot_be_kept_ready_are_refused() {
    let why = "error: queues.orders.provisioned_concurrency: `3`: environments are kept ready for a version: pass the zip's \
               key, `--code KEY`, so that versions are published";
    deploy_with(SHOP, "queues.orders.provisioned_concurrency = 3", &[]).fails(3, why);
    of_code(
        SIZES,
        &format!("{FILMS}queues.films.provisioned_concurrency = 1\nqueues.images.provisioned_concurrency = 2"),
        "sizes.zip",
    )
    .fails(
        3,
        "error: queues.films.provisioned_concurrency: `1`: no function serves the queue: its road is `process`\n\
         queues.images.provisioned_concurrency: `2`: its tasks ask for different memory, so that several functions serve the \
         queue: give them one size, or queues of their own",
    );
    let reserved = "worker.reserved_concurrency = 100\nqueues.orders.provisioned_concurrency = 101";
    of_code(SHOP, reserved, "shop.zip").fails(
        3,
        "error: worker.reserved_concurrency: `100`: 101 environments of a function are to be kept ready, and Lambda keeps no \
         more than are reserved: reserve as many",
    );
}
