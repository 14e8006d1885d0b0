//! Tests the functions of a template: their size, time, room and network.

use serde_json::json;

use super::{FILMS, SIZES, deploy, properties, resources};
use crate::site::SHOP;

#[test]
fn functions_are_what_tasks_and_settings_ask_for() {
    let all = resources(SIZES, &format!("{FILMS}cap = 7\nworker.memory = 1024\nenvironment.SHOP = \"open\""));
    let memory = |id| (&properties(&all, id)["FunctionName"], &properties(&all, id)["MemorySize"]);
    assert_eq!(memory("Worker"), (&json!("prod-worker"), &json!(1024)));
    assert_eq!(memory("Worker3008"), (&json!("prod-worker-3008"), &json!(3008)));
    let dispatcher = properties(&all, "Dispatcher");
    // The five minutes of the workers, and half a minute more.
    assert_eq!(
        dispatcher["Environment"]["Variables"],
        json!({ "CELERIAC_CAP": "7", "CELERIAC_LEASE_S": "330", "CELERIAC_STORE": "aws:prod", "SHOP": "open" })
    );
    assert_eq!((&dispatcher["Handler"], &dispatcher["Runtime"]), (&json!("dispatcher"), &json!("provided.al2023")));
    assert_eq!(dispatcher["RecursiveLoop"], "Allow");
    let events = properties(&all, "Worker3008Events");
    assert_eq!((&events["MaximumRetryAttempts"], &events["MaximumEventAgeInSeconds"]), (&json!(0), &json!(330)));
    let failures = json!({ "Fn::GetAtt": ["FailuresQueue", "Arn"] });
    assert_eq!(events["DestinationConfig"]["OnFailure"]["Destination"], failures);
}

#[test]
fn a_task_that_computes_asks_for_a_processor_and_others_have_a_share() {
    let all = resources(SIZES, FILMS);
    let memory = |id| &properties(&all, id)["MemorySize"];
    // `image.tag` says nothing, `image.shrink` asks for more.
    assert_eq!((memory("Worker"), memory("Worker3008")), (&json!(512), &json!(3008)));
}

#[test]
fn dispatchers_are_small_and_few_beside_their_workers() {
    for (settings, dispatchers) in
        [("", 3), ("cap = 10", 2), ("cap = 1000", 33), ("cap = 100000", 1_000), ("dispatcher.concurrency = 7", 7)]
    {
        let all = resources(SHOP, settings);
        let mapping = properties(&all, "MappingDefault");
        assert_eq!(mapping["ScalingConfig"]["MaximumConcurrency"], dispatchers, "{settings}");
        assert_eq!(properties(&all, "Dispatcher")["MemorySize"], 512);
    }
    assert_eq!(properties(&resources(SHOP, "dispatcher.memory = 1024"), "Dispatcher")["MemorySize"], 1024);
}

#[test]
fn functions_log_as_much_as_the_settings_say() {
    // Lambda's own lines include a report of each invocation unless they are switched off.
    for (settings, level, system) in [
        ("", "INFO", "INFO"),
        ("log_level = \"debug\"", "DEBUG", "INFO"),
        ("system_log_level = \"warn\"", "INFO", "WARN"),
        ("system_log_level = \"debug\"", "INFO", "DEBUG"),
    ] {
        let all = resources(SHOP, settings);
        for function in ["Dispatcher", "Worker"] {
            let logs = &properties(&all, function)["LoggingConfig"];
            assert_eq!((&logs["LogFormat"], &logs["SystemLogLevel"]), (&json!("JSON"), &json!(system)));
            assert_eq!(logs["ApplicationLogLevel"], level);
        }
    }
}

#[test]
fn a_function_has_the_time_that_its_tasks_need() {
    // `pack` may take ten minutes.
    let all = resources(SHOP, "");
    assert_eq!(properties(&all, "Worker")["Timeout"], 610);
    assert_eq!(properties(&all, "Dispatcher")["Environment"]["Variables"]["CELERIAC_LEASE_S"], "640");
}

#[test]
fn functions_and_table_have_the_room_that_settings_give_them() {
    let layer = "arn:aws:lambda:eu-central-1:111122223333:layer:insights:7";
    let all = resources(
        SIZES,
        &format!(
            "{FILMS}table.deletion_protection = true\ntable.warm_writes = 8000\n\
             [worker]\nreserved_concurrency = 100\nephemeral_storage = 2048\nlayers = [\"{layer}\"]\n\
             [dispatcher]\nreserved_concurrency = 8\nlayers = [\"{layer}\"]"
        ),
    );
    for worker in ["Worker", "Worker3008"].map(|id| properties(&all, id)) {
        assert_eq!(worker["ReservedConcurrentExecutions"], 100);
        assert_eq!((&worker["EphemeralStorage"], &worker["Layers"]), (&json!({ "Size": 2048 }), &json!([layer])));
    }
    let dispatcher = properties(&all, "Dispatcher");
    assert_eq!((&dispatcher["ReservedConcurrentExecutions"], &dispatcher["Layers"]), (&json!(8), &json!([layer])));
    assert!(dispatcher.get("EphemeralStorage").is_none());
    let table = properties(&all, "Table");
    assert_eq!(table["DeletionProtectionEnabled"], true);
    assert_eq!(table["WarmThroughput"], json!({ "WriteUnitsPerSecond": 8000 }));
    let all = resources(SHOP, "table.warm_reads = 20000");
    assert_eq!(properties(&all, "Table")["WarmThroughput"], json!({ "ReadUnitsPerSecond": 20_000 }));
    assert_eq!(properties(&all, "Table")["DeletionProtectionEnabled"], false);
    let plain = resources(SHOP, "").to_string();
    for property in ["ReservedConcurrentExecutions", "EphemeralStorage", "Layers", "WarmThroughput"] {
        assert!(!plain.contains(property), "{property}");
    }
}

#[test]
fn functions_in_a_vpc_reach_aws_by_endpoints() {
    let vpc =
        "[vpc]\nid = \"vpc-1\"\nsubnets = [\"subnet-1\"]\nsecurity_groups = [\"sg-1\"]\nroute_tables = [\"rtb-1\"]\n";
    let all = resources(SHOP, &format!("{vpc}endpoints = true"));
    assert_eq!(
        properties(&all, "Worker")["VpcConfig"],
        json!({ "SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"] })
    );
    let ids: Vec<_> = all.as_object().unwrap().keys().filter(|id| id.starts_with("Endpoint")).collect();
    let endpoints = ["Dynamodb", "Lambda", "S3", "Scheduler", "SecurityGroup", "Sqs"];
    assert_eq!(ids, endpoints.map(|name| format!("Endpoint{name}")).iter().collect::<Vec<_>>());
    assert!(!resources(SHOP, vpc).to_string().contains("AWS::EC2::VPCEndpoint"));
}

#[test]
fn a_reservation_that_is_too_small_is_refused() {
    let narrow = "queues.orders.road = \"narrow\"\nworker.reserved_concurrency";
    deploy(SHOP, &format!("{narrow} = 109\ndispatcher.reserved_concurrency = 4")).fails(
        3,
        "error: worker.reserved_concurrency: `109`: 110 of function `Worker` may run at a time, 100 by `cap` and 10 by its \
         narrow queues: reserve as many, or lower those\n\
         dispatcher.reserved_concurrency: `4`: 3 for each of 1 wide queues, and 2 for dead letters, failures and sweeps: \
         reserve 5, or lower `dispatcher.concurrency`",
    );
    deploy(SHOP, &format!("{narrow} = 110\ndispatcher.reserved_concurrency = 5")).ok();
}
