//! Defines the queues: each with its dead-letter queue, and one for reports of failed invocations.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    fleet::{Fleet, ServedQueue},
    names::{FAILURES, arn, arn_of, dead_queue, queue, reference},
    settings::Road,
    template::Template,
};

/// How long SQS keeps a message: its maximum.
const RETENTION_S: u32 = 14 * 86_400;

/// The most receives that SQS allows before it moves a message to the dead-letter queue (`SetQueueAttributes` in its
/// reference). A parcel's message is normally received many times, since it stays in the queue until its last call is done.
const MAX_RECEIVES: u64 = 1_000;

/// When a message that is received in vain comes to the dead-letter queue at the latest. Its age goes on there, so that the
/// dispatcher has four days of the retention left to end it or to send it anew.
const RECEIVED_IN_VAIN: Duration = Duration::from_hours(10 * 24);

/// How long reports of failed invocations are kept. Leases end long before.
const FAILURES_RETENTION_S: u32 = 4 * 86_400;

/// The least time for which a dead message or a report is hidden while a dispatcher has it: the alarm for those that no
/// dispatcher takes needs some periods of its metric between two receipts.
const LEAST_HIDDEN: Duration = Duration::from_mins(6);

/// A report contains the function's whole payload.
const FAILURES_BYTES: u32 = 1 << 20;

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    for (name, served) in &fleet.queues {
        add_queue(template, fleet, name, served);
    }
    let mut failures = properties(fleet, &fleet.stack.failures_queue(), fleet.hidden_by_dispatcher());
    failures["MessageRetentionPeriod"] = FAILURES_RETENTION_S.into();
    failures["MaximumMessageSize"] = FAILURES_BYTES.into();
    template.add(FAILURES, "AWS::SQS::Queue", failures);
    refuse_plain_text(template, FAILURES);
}

fn add_queue(template: &mut Template, fleet: &Fleet<'_>, name: &str, served: &ServedQueue) {
    let (id, dead) = (queue(name), dead_queue(name));
    let receiver = match served.road {
        Road::Narrow => fleet.workers[&served.class].timeout,
        Road::Wide | Road::Process => fleet.settings.dispatcher.timeout,
    };
    let hidden = hidden_by(receiver);
    let mut work = properties(fleet, &fleet.stack.queue(name), hidden);
    work["RedrivePolicy"] = json!({ "deadLetterTargetArn": arn(&dead), "maxReceiveCount": receives(hidden) });
    template.add_with(&id, "AWS::SQS::Queue", work, fleet.end());
    let mut dead_letters = properties(fleet, &fleet.stack.dead_queue(name), fleet.hidden_by_dispatcher());
    let source = arn_of("sqs", &fleet.stack.queue(name));
    dead_letters["RedriveAllowPolicy"] = json!({ "redrivePermission": "byQueue", "sourceQueueArns": [source] });
    template.add_with(&dead, "AWS::SQS::Queue", dead_letters, fleet.end());
    refuse_plain_text(template, &id);
    refuse_plain_text(template, &dead);
}

/// Lambda recommends a visibility timeout of six times the function's time limit, so that a message is not received again
/// while the function is throttled.
fn hidden_by(receiver: Duration) -> Duration {
    6 * receiver
}

/// How often a message may be received that is hidden for so long each time. A worker that never begins receives the
/// messages of its narrow queue only once in that time. With SQS's maximum, SQS would delete them before the dead-letter
/// queue had them.
fn receives(hidden: Duration) -> u64 {
    (RECEIVED_IN_VAIN.as_secs() / hidden.as_secs()).min(MAX_RECEIVES)
}

impl Fleet<'_> {
    /// How long a dead message or a report is hidden while a dispatcher has it.
    pub(super) fn hidden_by_dispatcher(&self) -> Duration {
        hidden_by(self.settings.dispatcher.timeout).max(LEAST_HIDDEN)
    }
}

/// The properties of all queues.
fn properties(fleet: &Fleet<'_>, name: &str, hidden: Duration) -> Value {
    let key = fleet.settings.kms_key.as_ref();
    json!({
        "QueueName": name,
        "VisibilityTimeout": hidden.as_secs(),
        "MessageRetentionPeriod": RETENTION_S,
        "SqsManagedSseEnabled": key.is_none().then_some(true),
        "KmsMasterKeyId": key,
    })
}

fn refuse_plain_text(template: &mut Template, id: &str) {
    let statement = json!({
        "Sid": "OnlyByTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": arn(id),
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    });
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
    let properties = json!({ "Queues": [reference(id)], "PolicyDocument": document });
    template.add(format!("{id}Policy"), "AWS::SQS::QueuePolicy", properties);
}
