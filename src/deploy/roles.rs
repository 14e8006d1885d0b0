//! Defines the permissions of the stack's own parts, and no more: a role for each function and for `EventBridge`
//! Scheduler.

use serde_json::{Value, json};

use super::{
    fleet::{Class, Fleet},
    names::{DISPATCHER, FAILURES, SCHEDULER_ROLE, TABLE, arn, arn_of, dead_queue, queue, role, text, worker},
    settings::Road,
    storage::{DEAD, FOLDERS},
    template::Template,
};

pub(super) const VERSION: &str = "2012-10-17";

/// The ledger's actions on its table. Transactions are allowed by their parts.
pub(super) const LEDGER: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
];

/// Finding a queue, sending to it, and reading its depth.
pub(super) const SEND: &[&str] = &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"];

/// Hiding and deleting messages, including those that another function received.
pub(super) const SETTLE: &[&str] =
    &["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"];

pub(super) const RECEIVE: &[&str] = &["sqs:ReceiveMessage"];

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    let dispatcher = statements(fleet.dispatcher());
    add_role(template, fleet, &role(DISPATCHER), function_role(fleet, DISPATCHER, dispatcher, &[]));
    for class in fleet.workers.keys() {
        let id = worker(*class);
        let statements = statements(fleet.worker(*class));
        add_role(template, fleet, &role(&id), function_role(fleet, &id, statements, &fleet.settings.worker.policies));
    }
    add_role(template, fleet, SCHEDULER_ROLE, fleet.scheduler_role());
}

fn add_role(template: &mut Template, fleet: &Fleet<'_>, id: &str, mut properties: Value) {
    properties["Path"] = json!(fleet.settings.role_path);
    properties["PermissionsBoundary"] = json!(fleet.settings.permissions_boundary);
    template.add(id, "AWS::IAM::Role", properties);
}

impl Fleet<'_> {
    fn dispatcher(&self) -> Vec<Option<Value>> {
        let work = self.queues.keys().map(|name| arn(&queue(name)));
        let dead = self.queues.keys().map(|name| arn(&dead_queue(name)));
        let received = self.on(Road::Wide).map(|name| arn(&queue(name))).chain(dead).chain([arn(FAILURES)]);
        let workers = self.workers.keys().map(|class| function(&self.invoked_name(&self.stack.worker(*class))));
        let own = [
            allow("Receive", &[RECEIVE, SETTLE].concat(), received),
            allow("Send", SEND, work.chain(self.queues.keys().map(|name| arn(&dead_queue(name))))),
            allow("Invoke", &["lambda:InvokeFunction"], workers),
        ];
        own.into_iter().chain(self.store()).collect()
    }

    fn worker(&self, class: Class) -> Vec<Option<Value>> {
        let work = || self.queues.keys().map(|name| arn(&queue(name)));
        let dead = self.queues.keys().map(|name| arn(&dead_queue(name)));
        let narrow = self.on(Road::Narrow).filter(|name| self.queues[*name].class == class);
        let own = [
            allow("Receive", RECEIVE, narrow.map(|name| arn(&queue(name)))),
            allow("Settle", SETTLE, work()),
            allow("Send", SEND, work().chain(dead)),
            allow("ReportFailures", &["sqs:SendMessage"], [arn(FAILURES)]),
        ];
        own.into_iter().chain(self.store()).chain(self.secrets()).collect()
    }

    /// The permissions on the stack's store that every part needs. The dispatcher sends calls that are due much later
    /// too: those of a dead-letter queue may have such children.
    fn store(&self) -> [Option<Value>; 6] {
        [self.delay(), become_scheduler(), ledger(), self.objects(), self.dead_letters(), self.bucket_list()]
    }

    pub(super) fn objects(&self) -> Option<Value> {
        let folders = FOLDERS.iter().filter_map(|folder| self.bucket_arn(&format!("/{folder}/*")));
        allow("Objects", &["s3:GetObject", "s3:PutObject"], folders)
    }

    pub(super) fn dead_letters(&self) -> Option<Value> {
        let folder = self.bucket_arn(&format!("/{DEAD}/*"));
        allow("DeadLetters", &["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], folder)
    }

    /// Without it, S3 reports a missing object as access denied.
    pub(super) fn bucket_list(&self) -> Option<Value> {
        allow("Missing", &["s3:ListBucket"], self.bucket_arn(""))
    }

    /// For messages that are due later than SQS can delay them.
    pub(super) fn delay(&self) -> Option<Value> {
        let schedules = arn_of("scheduler", &format!("schedule/{}/*", self.stack.schedules()));
        allow("Delay", &["scheduler:CreateSchedule"], [schedules])
    }

    fn scheduler_role(&self) -> Value {
        let work = self.queues.keys().map(|name| arn(&queue(name)));
        let dead = self.queues.keys().map(|name| arn(&dead_queue(name)));
        let statements = statements(vec![
            allow("Send", &["sqs:SendMessage"], work.chain(dead)),
            allow("Sweep", &["lambda:InvokeFunction"], [function(&self.invoked_name(&self.stack.dispatcher()))]),
            encryption(self, USE),
        ]);
        let group = arn_of("scheduler", &format!("schedule-group/{}", self.stack.schedules()));
        let own =
            json!({ "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" }, "aws:SourceArn": group } });
        json!({
            "RoleName": self.stack.scheduler_role(),
            "AssumeRolePolicyDocument": trust("scheduler.amazonaws.com", Some(&own)),
            "Policies": [policy(&statements)],
        })
    }
}

pub(super) fn ledger() -> Option<Value> {
    allow("Ledger", LEDGER, [arn(TABLE)])
}

pub(super) fn become_scheduler() -> Option<Value> {
    let mut pass = allow("SendByScheduler", &["iam:PassRole"], [arn(SCHEDULER_ROLE)])?;
    pass["Condition"] = json!({ "StringEquals": { "iam:PassedToService": "scheduler.amazonaws.com" } });
    Some(pass)
}

/// A role that functions assume: their actions, their log lines, and their network.
fn function_role(fleet: &Fleet<'_>, function: &str, mut statements: Vec<Value>, managed: &[String]) -> Value {
    let logs = text(format!("${{{function}Logs.Arn}}"));
    statements.extend(allow("Log", &["logs:CreateLogStream", "logs:PutLogEvents"], [logs]));
    statements.extend(encryption(fleet, SENDER));
    if fleet.settings.vpc.is_some() {
        // Lambda needs these before the function has an interface whose ARN could be named.
        statements.extend(allow("Network", NETWORK, [json!("*")]));
    }
    json!({
        "AssumeRolePolicyDocument": trust("lambda.amazonaws.com", None),
        "ManagedPolicyArns": (!managed.is_empty()).then_some(managed),
        "Policies": [policy(&statements)],
    })
}

const NETWORK: &[&str] = &[
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
];

/// Using the key for messages, items and objects.
const USE: &[&str] = &["kms:Decrypt", "kms:GenerateDataKey"];

/// The same, and creating schedules under the key. For that `EventBridge` Scheduler's guide, "Using identity-based
/// policies", also asks for `kms:DescribeKey`.
pub(super) const SENDER: &[&str] = &["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"];

pub(super) fn encryption(fleet: &Fleet<'_>, actions: &[&str]) -> Option<Value> {
    allow("Encryption", actions, fleet.settings.kms_key.clone().map(Value::from))
}

fn policy(statements: &[Value]) -> Value {
    json!({ "PolicyName": "celeriac", "PolicyDocument": { "Version": VERSION, "Statement": statements } })
}

fn trust(service: &str, condition: Option<&Value>) -> Value {
    let statement = json!({
        "Effect": "Allow",
        "Principal": { "Service": service },
        "Action": "sts:AssumeRole",
        "Condition": condition,
    });
    json!({ "Version": VERSION, "Statement": [statement] })
}

/// A function's ARN by its name: by its id, roles and functions would depend on each other.
pub(super) fn function(name: &str) -> Value {
    arn_of("lambda", &format!("function:{name}"))
}

/// Allows actions on resources; nothing if there are none.
pub(super) fn allow(sid: &str, actions: &[&str], resources: impl IntoIterator<Item = Value>) -> Option<Value> {
    let resources: Vec<Value> = resources.into_iter().collect();
    let statement = || json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources });
    (!resources.is_empty()).then(statement)
}

pub(super) fn statements(statements: Vec<Option<Value>>) -> Vec<Value> {
    statements.into_iter().flatten().collect()
}
