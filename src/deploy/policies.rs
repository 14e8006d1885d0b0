//! Defines the managed policies to attach to the roles of other programs: those that send calls, look at them or operate
//! the stack, and workers and dispatchers that run as ordinary processes.
//!
//! A managed policy has at most 6,144 characters, so that queues are named one by one only where calls are sent or
//! received. `tests/permissions.rs` holds each request that a program sends against the policies that allow it.

use serde_json::{Value, json};

use super::{
    fleet::Fleet,
    names::{TABLE, arn, arn_of, queue},
    roles::{
        LEDGER, RECEIVE, SEND, SENDER, SETTLE, VERSION, allow, become_scheduler, encryption, function, ledger,
        statements,
    },
    storage::{DEAD, FOLDERS},
    template::Template,
};

/// The policies: their ids in the template, which are also the names of the stack's outputs, and for whom they are.
pub(super) const POLICIES: [Policy; 5] = [
    Policy { id: "SendPolicy", output: "SendPolicyArn", whose: "programs that send calls and wait for their results" },
    Policy { id: "ReadPolicy", output: "ReadPolicyArn", whose: "dashboards, and people who look at calls" },
    Policy { id: "OperatePolicy", output: "OperatePolicyArn", whose: "operators: all commands" },
    Policy { id: "WorkerPolicy", output: "WorkerPolicyArn", whose: "workers that are ordinary processes" },
    Policy { id: "DispatcherPolicy", output: "DispatcherPolicyArn", whose: "dispatchers that are ordinary processes" },
];

pub(super) struct Policy {
    pub(super) id: &'static str,
    pub(super) output: &'static str,
    pub(super) whose: &'static str,
}

/// Finding a queue, and reading its depth or its ARN.
const LOOK: &[&str] = &["sqs:GetQueueAttributes", "sqs:GetQueueUrl"];

/// Reading the table.
const READ: &[&str] = &["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"];

/// Using the key for what is only read.
const READER: &[&str] = &["kms:Decrypt", "kms:DescribeKey"];

/// The partition keys of batches, of their list, and of the callbacks that they owe (`backends/aws/src/dynamo/keys.rs`).
const BATCHES: [&str; 3] = ["b#*", "l#*", "o"];
const CALLBACKS: &str = "o";

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    let all = [fleet.sender(), fleet.reader(), fleet.operator(), fleet.worker_process(), fleet.dispatcher_process()];
    for (policy, allowed) in POLICIES.iter().zip(all) {
        let document = json!({ "Version": VERSION, "Statement": statements(allowed) });
        let description = format!("Celeriac stack {}: for {}", fleet.stack, policy.whose);
        let path = &fleet.settings.role_path;
        let properties = json!({ "Description": description, "Path": path, "PolicyDocument": document });
        template.add(policy.id, "AWS::IAM::ManagedPolicy", properties);
    }
}

impl Fleet<'_> {
    /// Sending calls, which includes looking up what became of them: a `unique` key does that too. Of the ledger only
    /// batches are changed.
    fn sender(&self) -> Vec<Option<Value>> {
        let batches = keyed("Batches", &["dynamodb:PutItem", "dynamodb:UpdateItem"], &BATCHES);
        let callbacks = keyed("Callbacks", &["dynamodb:DeleteItem"], &[CALLBACKS]);
        let parcels = allow("Parcels", &["s3:PutObject"], self.folder("parcels"));
        let own = [allow("Send", SEND, self.work()), allow("Look", LOOK, [self.dead()])];
        let store = [read(), batches, callbacks, parcels, self.read_objects(), self.bucket_list()];
        own.into_iter().chain(store).chain(self.delays()).chain([encryption(self, SENDER)]).collect()
    }

    /// Looking at calls, queues and dead letters. Nothing is changed.
    fn reader(&self) -> Vec<Option<Value>> {
        let all = arn_of("sqs", &self.stack.queue("*"));
        vec![
            allow("Look", LOOK, [all]),
            list(),
            read(),
            self.read_objects(),
            self.bucket_list(),
            encryption(self, READER),
        ]
    }

    /// The commands: looking, sending, retrying and dropping dead letters, purging queues.
    fn operator(&self) -> Vec<Option<Value>> {
        let own = [
            allow("Work", &[RECEIVE, SETTLE, &["sqs:SendMessage"]].concat(), self.work()),
            allow("Look", LOOK, [self.dead(), arn_of("sqs", &self.stack.failures_queue())]),
            list(),
        ];
        own.into_iter().chain(self.whole_store()).collect()
    }

    fn worker_process(&self) -> Vec<Option<Value>> {
        self.process().into_iter().chain(self.whole_store()).chain(self.secrets()).collect()
    }

    fn dispatcher_process(&self) -> Vec<Option<Value>> {
        let workers = self.workers.keys().map(|class| function(&self.invoked_name(&self.stack.worker(*class))));
        let invoke = allow("Invoke", &["lambda:InvokeFunction"], workers);
        self.process().into_iter().chain([invoke]).chain(self.whole_store()).collect()
    }

    /// Receiving from all queues, whatever their road, and burying unreadable messages.
    fn process(&self) -> [Option<Value>; 2] {
        let work = allow("Work", &[RECEIVE, SETTLE, &["sqs:SendMessage"]].concat(), self.work());
        [work, allow("Bury", SEND, [self.dead()])]
    }

    fn whole_store(&self) -> Vec<Option<Value>> {
        let store = [ledger(), self.objects(), self.dead_letters(), self.bucket_list()];
        store.into_iter().chain(self.delays()).chain([encryption(self, SENDER)]).collect()
    }

    fn delays(&self) -> [Option<Value>; 2] {
        [self.delay(), become_scheduler()]
    }

    fn work(&self) -> impl Iterator<Item = Value> {
        self.queues.keys().map(|name| arn(&queue(name)))
    }

    /// All dead-letter queues. No other stack has queues whose names begin with this one's.
    fn dead(&self) -> Value {
        arn_of("sqs", &self.stack.dead_queue("*"))
    }

    fn folder(&self, folder: &str) -> Option<Value> {
        self.bucket_arn(&format!("/{folder}/*"))
    }

    fn read_objects(&self) -> Option<Value> {
        let folders = FOLDERS.iter().chain([&DEAD]).filter_map(|folder| self.folder(folder));
        allow("Objects", &["s3:GetObject"], folders)
    }
}

fn read() -> Option<Value> {
    allow("Ledger", READ, [arn(TABLE)])
}

/// The only action of SQS without a queue.
fn list() -> Option<Value> {
    allow("List", &["sqs:ListQueues"], [json!("*")])
}

/// Actions on the items with these partition keys (`Using IAM policy conditions for fine-grained access control` in the
/// guide of `DynamoDB`). A request without a key is refused.
fn keyed(sid: &str, actions: &[&str], keys: &[&str]) -> Option<Value> {
    debug_assert!(actions.iter().all(|action| LEDGER.contains(action)), "other actions may have no keys");
    let mut statement = allow(sid, actions, [arn(TABLE)])?;
    statement["Condition"] = json!({
        "ForAllValues:StringLike": { "dynamodb:LeadingKeys": keys },
        "Null": { "dynamodb:LeadingKeys": "false" },
    });
    Some(statement)
}
