//! Holds every request that a program sends to AWS against the policies of a stack: each part may send its own, and
//! nothing else. The requests are read from the source of the backend, so that a new one is in no policy by accident.

mod support;

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};
use support::{example, text};
use tempfile::TempDir;

/// The parts that have permissions: the policies for other programs, and the roles of the functions.
const PARTS: [(char, &str); 7] = [
    ('S', "SendPolicy"),
    ('R', "ReadPolicy"),
    ('O', "OperatePolicy"),
    ('W', "WorkerPolicy"),
    ('D', "DispatcherPolicy"),
    ('w', "WorkerRole"),
    ('d', "DispatcherRole"),
];

/// A request: the SDK's service and method, the action that IAM checks, what it is for, and the parts that may send it.
/// The resource is an ARN without its start; of an item it ends in the partition key.
type Asked = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// `wide` and `hooks` are queues on the wide and the narrow road, `films` is served by processes.
const REQUESTS: &[Asked] = &[
    ("sqs", "list_queues", "sqs:ListQueues", "*", "RO"),
    ("sqs", "get_queue_url", "sqs:GetQueueUrl", "sqs:prod-wide", "SROWDwd"),
    ("sqs", "get_queue_url", "sqs:GetQueueUrl", "sqs:prod-wide-dead", "SROWDwd"),
    ("sqs", "get_queue_url", "sqs:GetQueueUrl", "sqs:prod-failures", "ROd"),
    ("sqs", "get_queue_attributes", "sqs:GetQueueAttributes", "sqs:prod-wide", "SROWDwd"),
    ("sqs", "get_queue_attributes", "sqs:GetQueueAttributes", "sqs:prod-wide-dead", "SROWDwd"),
    ("sqs", "get_queue_attributes", "sqs:GetQueueAttributes", "sqs:prod-failures", "ROd"),
    ("sqs", "send_message", "sqs:SendMessage", "sqs:prod-wide-dead", "WDwd"),
    ("sqs", "send_message_batch", "sqs:SendMessage", "sqs:prod-wide", "SOWDwd"),
    ("sqs", "send_message_batch", "sqs:SendMessage", "sqs:prod-films", "SOWDwd"),
    ("sqs", "receive_message", "sqs:ReceiveMessage", "sqs:prod-wide", "OWDd"),
    ("sqs", "receive_message", "sqs:ReceiveMessage", "sqs:prod-hooks", "OWDw"),
    ("sqs", "receive_message", "sqs:ReceiveMessage", "sqs:prod-films", "OWD"),
    ("sqs", "receive_message", "sqs:ReceiveMessage", "sqs:prod-wide-dead", "d"),
    ("sqs", "receive_message", "sqs:ReceiveMessage", "sqs:prod-failures", "d"),
    ("sqs", "delete_message_batch", "sqs:DeleteMessage", "sqs:prod-wide", "OWDwd"),
    ("sqs", "delete_message_batch", "sqs:DeleteMessage", "sqs:prod-hooks", "OWDw"),
    ("sqs", "delete_message_batch", "sqs:DeleteMessage", "sqs:prod-wide-dead", "d"),
    ("sqs", "change_message_visibility_batch", "sqs:ChangeMessageVisibility", "sqs:prod-wide", "OWDwd"),
    ("sqs", "change_message_visibility_batch", "sqs:ChangeMessageVisibility", "sqs:prod-hooks", "OWDw"),
    ("sqs", "change_message_visibility_batch", "sqs:ChangeMessageVisibility", "sqs:prod-wide-dead", "d"),
    ("lambda", "invoke", "lambda:InvokeFunction", "lambda:function:prod-worker", "Dd"),
    ("lambda", "invoke", "lambda:InvokeFunction", "lambda:function:prod-dispatcher", ""),
    ("scheduler", "create_schedule", "scheduler:CreateSchedule", "scheduler:schedule/prod/wide-1", "SOWDwd"),
    ("scheduler", "create_schedule", "scheduler:CreateSchedule", "scheduler:schedule/test/wide-1", ""),
    ("scheduler", "create_schedule", "iam:PassRole", "iam:role/prod-scheduler", "SOWDwd"),
    ("dynamodb", "get_item", "dynamodb:GetItem", "dynamodb:table/prod p#1", "SROWDwd"),
    ("dynamodb", "batch_get_item", "dynamodb:BatchGetItem", "dynamodb:table/prod b#1", "SROWDwd"),
    ("dynamodb", "query", "dynamodb:Query", "dynamodb:table/prod r#1#0", "SROWDwd"),
    // Where a root parcel begins, noted at its claim; a sender could write the same for its batch.
    ("dynamodb", "put_item", "dynamodb:PutItem", "dynamodb:table/prod b#1#0", "SOWDwd"),
    ("dynamodb", "update_item", "dynamodb:UpdateItem", "dynamodb:table/prod b#1", "SOWDwd"),
    ("dynamodb", "update_item", "dynamodb:UpdateItem", "dynamodb:table/prod p#1", "OWDwd"),
    ("dynamodb", "update_item", "dynamodb:UpdateItem", "dynamodb:table/prod o#prod-worker", "OWDwd"),
    ("dynamodb", "update_item", "dynamodb:UpdateItem", "dynamodb:table/prod h#prod-worker", "OWDwd"),
    ("dynamodb", "delete_item", "dynamodb:DeleteItem", "dynamodb:table/prod o", "SOWDwd"),
    ("dynamodb", "delete_item", "dynamodb:DeleteItem", "dynamodb:table/prod b#1", "OWDwd"),
    // A transaction is allowed by its parts.
    ("dynamodb", "transact_write_items", "dynamodb:PutItem", "dynamodb:table/prod b#1", "SOWDwd"),
    ("dynamodb", "transact_write_items", "dynamodb:PutItem", "dynamodb:table/prod l#1", "SOWDwd"),
    ("dynamodb", "transact_write_items", "dynamodb:PutItem", "dynamodb:table/prod r#1#0", "OWDwd"),
    ("dynamodb", "transact_write_items", "dynamodb:UpdateItem", "dynamodb:table/prod c#1#3", "OWDwd"),
    ("dynamodb", "transact_write_items", "dynamodb:DeleteItem", "dynamodb:table/prod d#3", "OWDwd"),
    ("dynamodb", "transact_write_items", "dynamodb:ConditionCheckItem", "dynamodb:table/prod p#1", "OWDwd"),
    ("s3", "put_object", "s3:PutObject", "s3:large/parcels/1", "SOWDwd"),
    ("s3", "put_object", "s3:PutObject", "s3:large/records/1", "OWDwd"),
    ("s3", "put_object", "s3:PutObject", "s3:large/dead/1", "OWDwd"),
    ("s3", "put_object", "s3:PutObject", "s3:large/else/1", ""),
    ("s3", "get_object", "s3:GetObject", "s3:large/parcels/1", "SROWDwd"),
    ("s3", "get_object", "s3:GetObject", "s3:large/records/1", "SROWDwd"),
    ("s3", "get_object", "s3:GetObject", "s3:large/dead/1", "SROWDwd"),
    // Without it, S3 reports a missing object as access denied.
    ("s3", "get_object", "s3:ListBucket", "s3:large", "SROWDwd"),
    ("s3", "delete_object", "s3:DeleteObject", "s3:large/dead/1", "OWDwd"),
    ("s3", "delete_object", "s3:DeleteObject", "s3:large/parcels/1", ""),
    // What services do with the stack's key in the caller's name.
    ("sqs", "receive_message", "kms:Decrypt", "kms:key/shop", "SROWDwd"),
    ("sqs", "send_message", "kms:GenerateDataKey", "kms:key/shop", "SOWDwd"),
    ("scheduler", "create_schedule", "kms:DescribeKey", "kms:key/shop", "SROWDwd"),
];

const SETTINGS: &str = r#"
bucket = "large"
kms_key = "arn:aws:kms:eu-central-1:111122223333:key/shop"
[queues.wide]
[queues.hooks]
road = "narrow"
[queues.films]
road = "process"
"#;

/// The template with these settings, or why there is none.
fn template(settings: &str) -> Result<Value, String> {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("stack.toml");
    fs::write(&file, settings).expect("a temporary folder can be written to");
    let mut command = example("web_signup");
    command.args(["deploy", "template", "--store", "aws:prod", "--settings"]).arg(file);
    let written = command.output().expect("the program runs");
    if !written.status.success() {
        return Err(text(&written.stderr));
    }
    Ok(serde_json::from_slice(&written.stdout).expect("a template is JSON"))
}

/// The ARN of a short name in [`REQUESTS`].
fn arn(short: &str) -> String {
    let Some((service, rest)) = short.split_once(':') else { return short.to_owned() };
    match service {
        "s3" => format!("arn:aws:s3:::{rest}"),
        "iam" => format!("arn:aws:iam::111122223333:{rest}"),
        _ => format!("arn:aws:{service}:eu-central-1:111122223333:{rest}"),
    }
}

/// A resource of a statement as `CloudFormation` fills it in.
fn filled_in(template: &Value, resource: &Value) -> String {
    if let Some(text) = resource.as_str() {
        return text.to_owned();
    }
    if let Some(text) = resource["Fn::Sub"].as_str() {
        let text = text.replace("${AWS::Partition}", "aws").replace("${AWS::Region}", "eu-central-1");
        return text.replace("${AWS::AccountId}", "111122223333");
    }
    let id = resource["Fn::GetAtt"][0].as_str().unwrap_or_else(|| panic!("an unknown resource: {resource}"));
    let properties = &template["Resources"][id]["Properties"];
    let (service, name) = [("sqs:", "QueueName"), ("dynamodb:table/", "TableName"), ("iam:role/", "RoleName")]
        .into_iter()
        .find_map(|(service, name)| Some((service, properties[name].as_str()?)))
        .unwrap_or_else(|| panic!("{id} has no name"));
    arn(&format!("{service}{name}"))
}

/// Whether a text is like a pattern of IAM with at most one `*`.
fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end),
        None => text == pattern,
    }
}

fn statements(template: &Value, part: &str) -> Vec<Value> {
    let properties = &template["Resources"][part]["Properties"];
    let document = properties.get("PolicyDocument").unwrap_or(&properties["Policies"][0]["PolicyDocument"]);
    document["Statement"].as_array().unwrap_or_else(|| panic!("{part} has no statements")).clone()
}

/// Whether IAM allows this.
fn allows(template: &Value, part: &str, action: &str, resource: &str) -> bool {
    let (resource, key) = resource.split_once(' ').map_or((resource, None), |(resource, key)| (resource, Some(key)));
    let resource = arn(resource);
    statements(template, part).iter().any(|statement| {
        let has = |field: &str, fits: &dyn Fn(&Value) -> bool| {
            statement[field].as_array().is_some_and(|all| all.iter().any(fits))
        };
        let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
        let fits = |pattern: &Value| key.is_some_and(|key| is_like(key, pattern.as_str().expect("a pattern")));
        has("Action", &|one| one == action)
            && has("Resource", &|one| is_like(&resource, &filled_in(template, one)))
            && keys.as_array().is_none_or(|keys| keys.iter().any(fits))
    })
}

#[test]
fn each_part_may_send_its_requests_and_no_others() {
    let template = template(SETTINGS).expect("the stack is possible");
    let mut wrong = Vec::new();
    for (_, method, action, resource, parts) in REQUESTS {
        for (sign, part) in PARTS {
            let (wanted, found) = (parts.contains(sign), allows(&template, part, action, resource));
            if wanted != found {
                wrong.push(format!("{part}: {method} ({action} on {resource}): allowed {found}, wanted {wanted}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The services with a client each (`backends/aws/src/clients.rs`).
const SERVICES: [&str; 5] = ["sqs", "lambda", "dynamodb", "scheduler", "s3"];

/// A source file without its tests, which send other requests, and without white space.
fn dense(source: &str) -> String {
    source.split("#[cfg(test)]").next().unwrap_or_default().split_whitespace().collect()
}

/// The requests in a source file: a client's service, and the method that is called on it, where the client is made or in
/// a function that takes it.
fn sent(code: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for service in SERVICES {
        let takes_client = code.contains(&format!("aws_sdk_{service}::{{Client,"));
        let starts = [(format!(".{service}().await."), true), ("{client.".to_owned(), takes_client)];
        for (start, _) in starts.iter().filter(|(_, is_one)| *is_one) {
            let methods = code.split(start.as_str()).skip(1).map(|rest| rest.split('(').next().unwrap_or_default());
            found.extend(methods.map(|method| (service.to_owned(), method.to_owned())));
        }
    }
    found
}

/// How often a source file hands a client on.
fn handed_on(code: &str) -> usize {
    SERVICES.iter().map(|service| code.matches(&format!(".{service}().await,")).count()).sum()
}

/// How often a source file uses a client at all.
fn clients(code: &str) -> usize {
    let made: usize = SERVICES.iter().map(|service| code.matches(&format!(".{service}()")).count()).sum();
    made + code.matches("client:&Client,").count()
}

fn sources(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).expect("the backend is here").filter_map(Result::ok).map(|entry| entry.path());
    let files = entries.flat_map(|path| {
        if path.is_dir() {
            return sources(&path);
        }
        let source = fs::read_to_string(&path).expect("a source file is text");
        vec![(path.display().to_string(), source)]
    });
    files.collect()
}

#[test]
fn no_request_is_sent_that_no_policy_was_written_for() {
    let sources = sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/backends/aws/src")));
    let mut all = BTreeSet::new();
    for (path, source) in &sources {
        if path.ends_with("/clients.rs") {
            let made = source.split("OnceCell<aws_sdk_").skip(1).filter_map(|rest| rest.split("::").next());
            assert_eq!(made.collect::<Vec<_>>(), SERVICES, "the services with a client");
        }
        let (code, found) = (dense(source), sent(&dense(source)));
        let unseen = "a client is used in a way that this test does not see";
        assert_eq!(found.len() + handed_on(&code), clients(&code), "{path}: {unseen}: {found:?}");
        all.extend(found);
    }
    let known = REQUESTS.iter().map(|(service, method, ..)| ((*service).to_owned(), (*method).to_owned()));
    assert_eq!(all, known.collect::<BTreeSet<_>>(), "left: sent, right: in the table of this test");
}

/// The most characters of a managed policy, without white space (`IAM and AWS STS quotas`).
const MANAGED: usize = 6_144;

/// The template of a stack with as many narrow queues as `deploy template` does not refuse.
fn with_most_queues(name: &str) -> Value {
    let key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let mut settings = format!("bucket = \"large\"\nkms_key = \"{key}\"\nalarms.enabled = false\n");
    let mut most = None;
    for at in 0_u32.. {
        settings.extend(["[queues.", name, &at.to_string(), "]\nroad = \"narrow\"\n"]);
        match template(&settings) {
            Ok(template) => most = Some(template),
            Err(why) => {
                assert!(why.contains("characters of the dispatcher's policy"), "{why}");
                break;
            }
        }
    }
    most.expect("one queue is possible")
}

#[test]
fn policies_of_a_stack_with_as_many_queues_as_there_may_be_are_short_enough() {
    for name in ["q", "a-queue-with-a-name-of-more-than-fifty-characters-and-a-number-"] {
        let most = with_most_queues(name);
        for (_, part) in PARTS.into_iter().filter(|(_, part)| part.ends_with("Policy")) {
            let statements = statements(&most, part).into_iter().map(|mut statement| {
                let resources = statement["Resource"].as_array().expect("resources").clone();
                statement["Resource"] = resources.iter().map(|resource| filled_in(&most, resource)).collect();
                statement
            });
            let document = json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() }).to_string();
            assert!(document.len() <= MANAGED, "{part} has {} characters", document.len());
        }
    }
}
