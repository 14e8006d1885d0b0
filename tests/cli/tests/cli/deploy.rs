//! Tests `deploy`: the template of a stack, refused settings, and the zip of its functions.

use std::fs;

use serde_json::{Value, json};

use crate::site::{Answer, SHOP, Site};

pub(crate) const SIZES: &str = env!("CARGO_BIN_EXE_sizes");

/// The setting that makes `sizes` deployable.
pub(crate) const FILMS: &str = "queues.films.road = \"process\"\n";

/// Runs `deploy template` with these settings.
fn deploy(program: &str, settings: &str) -> Answer {
    deploy_with(program, settings, &[])
}

/// The same, with further options.
pub(crate) fn deploy_with(program: &str, settings: &str, options: &[&str]) -> Answer {
    let site = Site::new();
    fs::write(site.path("stack.toml"), settings).unwrap();
    let args = [&["deploy", "template", "--store", "aws:prod", "--settings", "stack.toml"], options].concat();
    site.program(program, &args).output().unwrap().into()
}

fn resources(program: &str, settings: &str) -> Value {
    deploy(program, settings).ok().json()["Resources"].take()
}

/// The properties of a resource.
pub(crate) fn properties<'a>(resources: &'a Value, id: &str) -> &'a Value {
    assert!(resources[id].is_object(), "there is no {id}");
    &resources[id]["Properties"]
}

/// The statement of a role.
pub(crate) fn statement<'a>(resources: &'a Value, role: &str, sid: &str) -> &'a Value {
    let all = &properties(resources, role)["Policies"][0]["PolicyDocument"]["Statement"];
    let found = all.as_array().unwrap().iter().find(|statement| statement["Sid"] == sid);
    found.unwrap_or_else(|| panic!("{role} has no {sid}"))
}

#[test]
fn a_stack_has_what_its_tasks_need_and_is_written_the_same_again() {
    let (first, again) = (deploy(SIZES, FILMS).ok(), deploy(SIZES, FILMS).ok());
    assert_eq!(first.out, again.out);
    let template = first.json();
    let resources = template["Resources"].as_object().unwrap();
    let outline = resources.iter().filter(|(_, resource)| resource["Type"] != "AWS::CloudWatch::Alarm");
    let outline: Vec<_> =
        outline.map(|(id, resource)| format!("{id} {}", resource["Type"].as_str().unwrap())).collect();
    // The names of all resources: a resource whose name changes is replaced.
    assert_eq!(outline, include_str!("sizes.outline").lines().collect::<Vec<_>>());
    assert_eq!(template["Outputs"]["CeleriacStore"]["Value"], "aws:prod");
    assert_eq!(template["Parameters"].as_object().unwrap().keys().collect::<Vec<_>>(), ["CodeBucket", "CodeKey"]);
}

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
fn schedules_send_ticks_to_the_queue_of_their_task() {
    let all = resources(SHOP, "");
    let id = "ScheduleCloseBooks600079c2";
    let schedule = properties(&all, id);
    assert_eq!(
        (&schedule["ScheduleExpression"], &schedule["ScheduleExpressionTimezone"]),
        (&json!("cron(0 3 * * ? *)"), &json!("Europe/Berlin"))
    );
    let target = &schedule["Target"];
    let input: Value = serde_json::from_str(target["Input"].as_str().unwrap()).unwrap();
    assert_eq!(input, json!({ "celeriac": "tick", "task": "close_books", "due": "<aws.scheduler.scheduled-time>" }));
    assert_eq!(target["Arn"]["Fn::GetAtt"][0], "QueueDefault");
    assert_eq!(target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0], "DeadQueueDefault");
    assert_eq!(target["RetryPolicy"]["MaximumEventAgeInSeconds"], 86_400);
    let all = resources(SIZES, FILMS);
    // Missed runs are skipped.
    let tidy = all.as_object().unwrap().iter().find(|(id, _)| id.starts_with("ScheduleFilmTidy")).unwrap().1;
    assert_eq!(tidy["Properties"]["ScheduleExpression"], "cron(0/15 * * * ? *)");
    assert_eq!(tidy["Properties"]["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"], 60);
}

#[test]
fn settings_change_what_they_say() {
    let key = "arn:aws:kms:eu-central-1:111122223333:key/shop";
    let all = resources(
        SHOP,
        &format!("kms_key = \"{key}\"\nbucket = \"create\"\ntags.team = \"shop\"\nalarms.enabled = false"),
    );
    assert_eq!(properties(&all, "QueueOrders")["KmsMasterKeyId"], key);
    assert_eq!(properties(&all, "Table")["SSESpecification"]["KMSMasterKeyId"], key);
    assert_eq!(properties(&all, "Worker")["Environment"]["Variables"]["CELERIAC_BUCKET"], json!({ "Ref": "Bucket" }));
    assert_eq!(properties(&all, "Worker")["Tags"], json!([{ "Key": "team", "Value": "shop" }]));
    assert!(!all.to_string().contains("AWS::CloudWatch::Alarm"));
    let topic = "arn:aws:sns:eu-central-1:111122223333:night";
    let all = resources(SHOP, &format!("alarms.topic = \"{topic}\"\nalarms.late = \"5m\""));
    let late =
        all.as_object().unwrap().values().find(|one| one["Properties"]["AlarmName"] == "prod-orders-late").unwrap();
    // The five minutes, and the 640 seconds for which a worker may have a message.
    assert_eq!(late["Properties"]["EvaluationPeriods"], 4);
    assert_eq!(late["Properties"]["AlarmActions"], json!([topic]));
}

/// The names of a stack's alarms, without the stack's.
fn alarms(program: &str, settings: &str) -> Vec<String> {
    let all = resources(program, settings);
    let names = all.as_object().unwrap().values().filter_map(|one| one["Properties"]["AlarmName"].as_str());
    let mut names: Vec<String> = names.map(|name| name.strip_prefix("prod-").unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn alarms_watch_symptoms_and_causes_if_they_are_asked_to() {
    let symptoms = [
        "calls-failed",
        "default-dead-untaken",
        "default-late",
        "orders-dead-untaken",
        "orders-late",
        "schedules-failing",
    ];
    assert_eq!(alarms(SHOP, ""), symptoms);
    let causes = [
        "default-dead",
        "dispatcher-dropped",
        "dispatcher-errors",
        "dispatcher-throttles",
        "failures-untaken",
        "orders-dead",
        "schedules-dropped",
        "schedules-lost",
        "schedules-throttled",
        "table-read-throttles",
        "table-transaction-errors",
        "table-update-errors",
        "table-write-throttles",
        "worker-dropped",
        "worker-errors",
        "worker-event-age",
        "worker-throttles",
        "worker-unreported",
    ];
    let mut both = [&symptoms[..], &causes].concat();
    both.sort_unstable();
    assert_eq!(alarms(SHOP, "alarms.causes = true"), both);
    assert!(alarms(SHOP, "alarms.enabled = false\nalarms.causes = true").is_empty());
}

#[test]
fn an_alarm_of_a_queue_never_has_the_name_of_another() {
    let taken =
        ["calls", "dispatcher", "schedules", "table", "worker", "worker-3008", "worker-event-age", "a-b", "a_b"];
    let queues: String = taken.map(|name| format!("[queues.{name}]\n")).concat();
    let names = alarms(SIZES, &format!("{FILMS}alarms.causes = true\n{queues}"));
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(names.len(), distinct.len(), "{names:?}");
}

#[test]
fn every_stack_hears_that_scheduler_cannot_send() {
    // This program has no schedules. It may delay calls by hours all the same.
    let names = alarms(env!("CARGO_BIN_EXE_forms"), "");
    assert!(names.contains(&"schedules-failing".to_owned()), "{names:?}");
}

/// The alarm of this name.
fn alarm<'a>(resources: &'a Value, name: &str) -> &'a Value {
    let mut all = resources.as_object().unwrap().values().map(|one| &one["Properties"]);
    all.find(|one| one["AlarmName"] == format!("prod-{name}")).unwrap_or_else(|| panic!("there is no alarm {name}"))
}

/// What a queue's metrics say of five minutes.
#[derive(Clone, Copy)]
struct Point {
    visible: u64,
    hidden: u64,
    deleted: u64,
}

const QUIET: Point = Point { visible: 0, hidden: 0, deleted: 0 };

/// Whether an alarm over metric maths goes off, as `CloudWatch` evaluates it.
fn goes_off(alarm: &Value, points: &[Point]) -> bool {
    let metrics = alarm["Metrics"].as_array().unwrap();
    let (result, metrics) = metrics.split_last().unwrap();
    let of = |metric: &Value| {
        let stat = &metric["MetricStat"];
        assert_eq!((&stat["Metric"]["Namespace"], &stat["Period"]), (&json!("AWS/SQS"), &json!(300)));
        [&metric["Id"], &stat["Metric"]["MetricName"], &stat["Stat"]].map(|text| text.as_str().unwrap().to_owned())
    };
    let watched = [
        ["visible", "ApproximateNumberOfMessagesVisible", "Maximum"],
        ["hidden", "ApproximateNumberOfMessagesNotVisible", "Maximum"],
        ["deleted", "NumberOfMessagesDeleted", "Sum"],
    ];
    assert_eq!(metrics.iter().map(of).collect::<Vec<_>>(), watched);
    let expression = result["Expression"].as_str().unwrap();
    let factor = expression.strip_prefix("IF(visible + hidden > FILL(deleted, 0) * ");
    let factor: u64 = factor.and_then(|rest| rest.strip_suffix(", 1, 0)")).unwrap().parse().unwrap();
    assert_eq!((&alarm["ComparisonOperator"], &alarm["Threshold"]), (&json!("GreaterThanThreshold"), &json!(0)));
    let periods = usize::try_from(alarm["EvaluationPeriods"].as_u64().unwrap()).unwrap();
    assert!(periods * 300 <= 86_400, "CloudWatch looks back a day at most");
    points
        .windows(periods)
        .any(|points| points.iter().all(|point| point.visible + point.hidden > point.deleted * factor))
}

/// An hour and more of five minutes that are alike.
fn hours(hours: usize, point: Point) -> Vec<Point> {
    vec![point; hours * 12 + 3]
}

#[test]
fn a_queue_that_is_stuck_or_late_raises_an_alarm_and_one_that_works_does_not() {
    let all = resources(SHOP, "");
    let late = alarm(&all, "orders-late");
    let stuck = |points: &[Point]| goes_off(late, points);
    // One message fails and is received again and again, so that the age of the oldest one does not show it.
    assert!(stuck(&hours(1, Point { hidden: 1, ..QUIET })));
    // No function takes messages.
    assert!(stuck(&hours(1, Point { visible: 1, ..QUIET })));
    assert!(!stuck(&vec![Point { hidden: 1, ..QUIET }; 12]), "an hour is allowed, and the time of a worker besides");
    // A campaign of 2,000 messages at a pace at which the last one waits for five hours.
    let campaign = |pace: u64| (0..).map(move |at| 2_000_u64.saturating_sub(at * pace)).take_while(|left| *left > 0);
    let points = |pace| campaign(pace).map(|visible| Point { visible, hidden: 100, deleted: pace }).collect::<Vec<_>>();
    assert!(stuck(&points(33)));
    assert!(!stuck(&points(200)), "it takes less than an hour");
    // Lone calls, each of ten minutes.
    let pair = [Point { hidden: 1, ..QUIET }, Point { deleted: 1, hidden: 1, ..QUIET }];
    assert!(!stuck(&pair.repeat(24)));
    assert!(!stuck(&hours(2, QUIET)));
}

#[test]
fn a_task_of_hours_in_a_process_raises_no_alarm() {
    let all = resources(SIZES, &format!("{FILMS}queues.films-4k.road = \"process\""));
    let runs = |hours| self::hours(hours, Point { hidden: 1, ..QUIET });
    // `film.cut` may take two hours.
    let films = alarm(&all, "films-late");
    assert!(!goes_off(films, &runs(2)));
    assert!(goes_off(films, &runs(3)));
    // The tasks of a queue that only the settings name may take twelve.
    let unknown = alarm(&all, "films-4k-late");
    assert!(!goes_off(unknown, &runs(12)));
    assert!(goes_off(unknown, &runs(13)));
    // An alarm cannot look back for longer than a day.
    let all = resources(SHOP, "alarms.late = \"14d\"");
    assert_eq!(alarm(&all, "orders-late")["EvaluationPeriods"], 288);
}

#[test]
fn dead_messages_raise_an_alarm_before_sqs_stops_counting_them() {
    for timeout in ["10s", "1m", "15m"] {
        let all = resources(SHOP, &format!("alarms.causes = true\ndispatcher.timeout = \"{timeout}\""));
        for (queue, name) in [("DeadQueueOrders", "orders-dead-untaken"), ("FailuresQueue", "failures-untaken")] {
            let hidden_s = properties(&all, queue)["VisibilityTimeout"].as_u64().unwrap();
            let alarm = alarm(&all, name);
            let most_s = alarm["Threshold"].as_u64().unwrap();
            assert_eq!(
                (&alarm["MetricName"], &alarm["EvaluationPeriods"]),
                (&json!("ApproximateAgeOfOldestMessage"), &json!(1))
            );
            // A dispatcher that fails receives it at once and whenever it is visible again. The third time it leaves the
            // metric, which has a point each minute.
            assert!(
                hidden_s < most_s && most_s + 60 < 2 * hidden_s,
                "{queue}, {timeout}: {most_s} s, hidden {hidden_s} s"
            );
        }
    }
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

/// All resources of a kind, without their ids.
fn of_kind<'a>(resources: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = resources.as_object().unwrap().values().filter(|one| one["Type"] == kind);
    all.map(|one| &one["Properties"]).collect()
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
fn a_dashboard_and_log_queries_cover_the_whole_stack() {
    let all = resources(SIZES, &format!("{FILMS}dashboard = true\nlog_queries = true"));
    let dashboard = properties(&all, "Dashboard");
    assert_eq!(dashboard["DashboardName"], "prod");
    let body = dashboard["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    let graphs: Value = serde_json::from_str(&body.replace("${AWS::Region}", "eu-central-1")).unwrap();
    assert!(graphs["widgets"].as_array().unwrap().iter().all(|graph| graph["properties"]["region"] == "eu-central-1"));
    let of_the_stack =
        ["prod-default", "prod-films-dead", "prod-failures", "prod-dispatcher", "prod-worker-3008", "prod"];
    for name in of_the_stack {
        assert!(body.contains(&format!("\"{name}\"")), "{name}");
    }
    assert_eq!(body.matches("${").count(), body.matches("${AWS::Region}").count());
    let queries = of_kind(&all, "AWS::Logs::QueryDefinition");
    assert_eq!(queries.len(), 5);
    let page = include_str!("../../../../docs/stuck.md");
    for name in ["errors", "one call", "launches"] {
        let query = queries.iter().find(|query| query["Name"] == format!("celeriac/prod/{name}")).unwrap();
        let block = format!("```text\n{}\n```", query["QueryString"].as_str().unwrap());
        assert!(page.contains(&block), "docs/stuck.md lacks {block}");
    }
    let groups = ["WorkerLogs", "Worker3008Logs", "DispatcherLogs"].map(|id| json!({ "Ref": id }));
    for query in queries {
        assert_eq!(query["LogGroupNames"], json!(groups));
        assert!(query["Name"].as_str().unwrap().starts_with("celeriac/prod/"), "{query}");
    }
    let plain = resources(SIZES, FILMS).to_string();
    assert!(!plain.contains("AWS::CloudWatch::Dashboard") && !plain.contains("AWS::Logs::QueryDefinition"));
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

#[test]
fn an_alarm_watches_the_calls_that_workers_count_as_dead() {
    let alarm = |all: &Value| all["CallsAlarm"]["Properties"].clone();
    let all = resources(SHOP, "");
    assert_eq!(alarm(&all)["AlarmName"], "prod-calls-failed");
    assert_eq!((&alarm(&all)["Namespace"], &alarm(&all)["MetricName"]), (&json!("Celeriac"), &json!("Dead")));
    assert_eq!(alarm(&all)["Dimensions"], json!([{ "Name": "Stack", "Value": "prod" }]));
    assert_eq!((&alarm(&all)["Threshold"], &alarm(&all)["Statistic"]), (&json!(0), &json!("Sum")));
    let all = resources(SHOP, "metrics = false");
    assert!(alarm(&all).is_null());
    assert_eq!(properties(&all, "Worker")["Environment"]["Variables"]["CELERIAC_METRICS"], "off");
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
fn tasks_that_cannot_be_deployed_are_named() {
    let line = |task: &str| {
        let source = include_str!("../../src/bin/sizes.rs");
        1 + source.lines().position(|line| line.contains(task)).unwrap()
    };
    deploy(SIZES, "[queues.images]\nroad = \"narrow\"\n").fails(
        3,
        &format!(
            "error: queue `images` is narrow: one function serves it, but its tasks ask for different memory: \
             `image.shrink` (tests/cli/src/bin/sizes.rs:{}) 3008 MB, `image.tag` (tests/cli/src/bin/sizes.rs:{}) the \
             default; give them one, or queues of their own, or set `road = \"wide\"`\n\
             task `film.cut` (tests/cli/src/bin/sizes.rs:{}), timeout 7200s: no function runs longer than 900 s, and a \
             worker needs 10 s of them for itself: lower the timeout, or serve queue `films` by processes: `road = \
             \"process\"`",
            line("image.shrink"),
            line("image.tag"),
            line("film.cut"),
        ),
    );
    deploy(SIZES, &format!("{FILMS}worker.timeout = \"1m\"")).fails(
        3,
        &format!(
            "error: task `film.tidy` (tests/cli/src/bin/sizes.rs:{0}), timeout 60s: with the 10 s that a worker needs \
             for itself it does not fit `worker.timeout`, 60s: raise that to \"70s\", or lower the task's\n\
             task `image.shrink` (tests/cli/src/bin/sizes.rs:{1}), timeout 60s: with the 10 s that a worker needs for \
             itself it does not fit `worker.timeout`, 60s: raise that to \"70s\", or lower the task's\n\
             task `image.tag` (tests/cli/src/bin/sizes.rs:{2}), timeout 60s: with the 10 s that a worker needs for \
             itself it does not fit `worker.timeout`, 60s: raise that to \"70s\", or lower the task's",
            line("film.tidy"),
            line("image.shrink"),
            line("image.tag"),
        ),
    );
}

#[test]
fn schedules_that_cannot_be_deployed_are_named() {
    deploy(env!("CARGO_BIN_EXE_clock"), "").fails(
        3,
        "error: task `tick` (tests/cli/src/bin/clock.rs:8), schedule `rate(1s)`: EventBridge Scheduler goes by whole \
         minutes: write a period of some, such as `rate(1m)`",
    );
    let never = deploy(env!("CARGO_BIN_EXE_never"), "");
    assert_eq!(never.code, Some(3));
    assert!(never.err.contains("there is no time zone `Europe/Atlantis`"), "{}", never.err);
    assert!(never.err.contains("never due: there is no such date"), "{}", never.err);
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

#[test]
fn settings_that_are_wrong_are_named() {
    for (settings, why) in [
        ("architecure = \"arm64\"", "line 1: unknown field `architecure`, expected one of"),
        ("architecure = \"arm64\"", "; did you mean `architecture`?"),
        (
            "cap = 1\n[queues.mail]\nraod = \"wide\"",
            "line 3: unknown field `raod`, expected one of `road`, `concurrency`, `provisioned_concurrency`; did you mean `road`?",
        ),
        ("queues.mail.road = \"narow\"", "; did you mean `narrow`?"),
        ("system_log_level = \"error\"", "unknown variant `error`, expected one of `debug`, `info`, `warn`"),
        ("cap = ", "line 1: "),
        ("worker.timeout = 300", "expected a string"),
        ("worker.timeout = \"5 minutes\"", "a duration is a whole number and a unit (ms, s, m, h, d), such as \"30s\""),
        ("worker.timeout = \"20m\"", "worker.timeout: `1200s`: whole seconds, 10 to 900"),
        ("worker.memory = 64", "worker.memory: `64`: 128 to 10240"),
        ("cap = 0", "cap: `0`: 1 to 100000"),
        ("dispatcher.concurrency = 1", "dispatcher.concurrency: `1`: 2 to 1000"),
        ("queues.mail.concurrency = 2000", "queues.mail.concurrency: `2000`: 2 to 1000"),
        ("queues.mail.provisioned_concurrency = 0", "queues.mail.provisioned_concurrency: `0`: 1 to 100000"),
        ("code = \"function.zip\"", "line 1: unknown field `code`, expected one of"),
        ("log_days = 31", "log_days: `31`: CloudWatch keeps log lines for one of 1, 3, 5, 7, 14, 30,"),
        ("kms_key = \"shop\"", "kms_key: `shop`: an ARN, `arn:..:kms:..`"),
        ("alarms.topic = \"night\"", "alarms.topic: `night`: an ARN, `arn:..:sns:..`"),
        ("worker.policies = [\"SES\"]", "worker.policies: `SES`: an ARN, `arn:..:policy/..`"),
        ("permissions_boundary = \"boundary\"", "permissions_boundary: `boundary`: an ARN, `arn:..:policy/..`"),
        ("role_path = \"team\"", "role_path: `team`: starts and ends with `/`, such as `/team/`: at most 512 of"),
        ("role_path = \"/a team/\"", "role_path: `/a team/`: starts and ends with `/`"),
        ("worker.reserved_concurrency = 0", "worker.reserved_concurrency: `0`: 1 to 100000"),
        ("dispatcher.reserved_concurrency = 0", "dispatcher.reserved_concurrency: `0`: 1 to 100000"),
        ("worker.ephemeral_storage = 100", "worker.ephemeral_storage: `100`: 512 to 10240"),
        (
            "worker.layers = [\"arn:aws:lambda:eu-central-1:111122223333:layer:insights\"]",
            "worker.layers: `arn:aws:lambda:eu-central-1:111122223333:layer:insights`: a layer's ARN with its version, \
             `arn:..:lambda:..:layer:NAME:VERSION`",
        ),
        (
            "dispatcher.layers = [\"arn:a:layer:b:1\", \"arn:a:layer:b:1\", \"arn:a:layer:b:1\", \"arn:a:layer:b:1\", \
             \"arn:a:layer:b:1\", \"arn:a:layer:b:1\"]",
            "dispatcher.layers: `6`: a function has at most 5 layers",
        ),
        ("table.warm_reads = 100", "table.warm_reads: `100`: 12000 to 1000000"),
        ("table.warm_writes = 100", "table.warm_writes: `100`: 4000 to 1000000"),
        (
            "retain = false\ntable.deletion_protection = true",
            "table.deletion_protection: `true`: with `retain = false` the stack could not be deleted",
        ),
        ("bucket = \"My Bucket\"", "bucket: `My Bucket`: `create`, or a bucket's name"),
        ("[queues.\"a queue\"]", "queues: `a queue`: a queue's name is 1 to 80 letters, digits, `_` or `-`"),
        (
            "environment.CELERIAC_CAP = \"1\"",
            "environment: `CELERIAC_CAP`: the template sets it from the other settings",
        ),
        ("environment.AWS_REGION = \"mars\"", "environment: `AWS_REGION`: Lambda sets it itself"),
        ("environment.1ST = \"x\"", "environment: `1ST`: a variable's name is a letter"),
        ("environment.KEY = \"{{resolve:ssm-secure:key}}\"", "does not resolve `ssm-secure` for functions"),
        ("tags.\"aws:team\" = \"shop\"", "tags: `aws:team`: a tag's name is 1 to 128 characters, and not AWS' own"),
        ("[vpc]\nsubnets = [\"subnet-1\"]", "vpc.security_groups: give at least one, `sg-..`"),
        (
            "[vpc]\nsubnets = [\"net\"]\nsecurity_groups = [\"sg-1\"]\nendpoints = true",
            "vpc.route_tables: give at least one",
        ),
    ] {
        let answer = deploy(SHOP, settings);
        assert_eq!(answer.code, Some(2), "{settings}: {}", answer.err);
        assert!(
            answer.err.starts_with("error: stack.toml: ") && answer.err.contains(why),
            "{settings}: {}",
            answer.err
        );
    }
}

#[test]
fn a_stack_has_to_have_a_name() {
    let site = Site::new();
    let nameless = "error: no stack is named: pass --store aws:NAME, or set CELERIAC_STORE";
    site.shop(&["deploy", "template"]).fails(2, nameless);
    let wrong = "error: `Prod` is no stack's name: a letter, then 2 to 39 more of a-z, 0-9 and `-`";
    site.shop(&["deploy", "template", "--store", "aws:Prod"]).fails(2, wrong);
    let answer = site.shop(&["deploy", "template", "--store", "aws:prod", "--settings", "none.toml"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.starts_with("error: the settings `none.toml` cannot be read: "), "{}", answer.err);
}
