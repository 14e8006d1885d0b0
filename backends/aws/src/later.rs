//! Delays messages beyond SQS's limit: EventBridge Scheduler sends them when they are due.

use std::sync::Arc;

use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target,
};
use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_128;

use super::{clients::Clients, fault::Fault, lookup::Lookup};
use celeriac_core::{ports::PortError, wire::Header};

/// How long Scheduler tries to send a message that SQS refuses, in seconds: its maximum.
const TRIES_S: i32 = 86_400;

/// Schedules a message for `due_ms`, rounded up to the second. Repeating it with the same message sends it once.
pub(super) async fn send_later(
    clients: &Clients,
    lookup: &Lookup,
    queue: &str,
    body: &[u8],
    text: String,
    due_ms: u64,
) -> Result<(), PortError> {
    let settings = clients.settings();
    let sqs = settings.stack.queue(queue);
    let arn = lookup.arn(clients, &sqs).await?;
    let dead_arn = lookup.arn(clients, &settings.stack.dead_queue(queue)).await?;
    let invalid = |error: &dyn std::fmt::Display| PortError::Refused { what: format!("cannot be scheduled: {error}") };
    let dead_letters = aws_sdk_scheduler::types::DeadLetterConfig::builder().arn(&*dead_arn).build();
    let tries = RetryPolicy::builder().maximum_event_age_in_seconds(TRIES_S).build();
    let target = Target::builder()
        .arn(&*arn)
        .role_arn(role_arn(&arn, settings.role_path.as_deref(), &settings.stack.scheduler_role()))
        .input(text)
        .retry_policy(tries)
        .dead_letter_config(dead_letters)
        .build()
        .map_err(|error| invalid(&error))?;
    let exact = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build();
    let request = clients
        .scheduler()
        .await
        .create_schedule()
        .name(name(queue, body))
        .group_name(settings.stack.schedules())
        .schedule_expression(at(due_ms).ok_or_else(|| invalid(&"due after the year 9999"))?)
        .flexible_time_window(exact.map_err(|error| invalid(&error))?)
        .target(target)
        .set_kms_key_arn(settings.kms_key.clone())
        .action_after_completion(ActionAfterCompletion::Delete);
    match request.send().await.map_err(Fault::of) {
        Ok(_) => Ok(()),
        Err(fault) if fault.code == "ConflictException" => Ok(()),
        Err(fault) => {
            let group = settings.stack.schedules();
            Err(fault.port(settings, "schedule a message", format_args!("EventBridge Scheduler group `{group}`")))
        }
    }
}

/// The schedule's name: the parcel's, so that a repeated message is sent once.
fn name(queue: &str, body: &[u8]) -> String {
    let id = Header::peek(body).map_or_else(|_| format!("{:032x}", xxh3_128(body)), |header| header.id.to_string());
    format!("{}-{id}", queue.get(..31).unwrap_or(queue))
}

/// The whole second at or after a time, in Scheduler's syntax.
fn at(due_ms: u64) -> Option<String> {
    let second = Timestamp::from_second(i64::try_from(due_ms.div_ceil(1000)).ok()?).ok()?;
    Some(second.strftime("at(%Y-%m-%dT%H:%M:%S)").to_string())
}

/// The ARN of a role in the same account and partition as a queue.
fn role_arn(queue_arn: &Arc<str>, path: Option<&str>, role: &str) -> String {
    let mut parts = queue_arn.split(':').skip(1);
    let partition = parts.next().unwrap_or("aws");
    let account = parts.nth(2).unwrap_or_default();
    format!("arn:{partition}:iam::{account}:role{}{role}", path.unwrap_or("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rounded_up_to_the_second() {
        assert_eq!(at(1_700_000_000_000).as_deref(), Some("at(2023-11-14T22:13:20)"));
        assert_eq!(at(1_700_000_000_001).as_deref(), Some("at(2023-11-14T22:13:21)"));
    }

    #[test]
    fn the_role_is_one_of_the_queues_account() {
        let arn = "arn:aws-cn:sqs:cn-north-1:123456789012:shop-mail".into();
        assert_eq!(role_arn(&arn, None, "shop-scheduler"), "arn:aws-cn:iam::123456789012:role/shop-scheduler");
        let of_a_team = "arn:aws-cn:iam::123456789012:role/team/shop-scheduler";
        assert_eq!(role_arn(&arn, Some("/team/"), "shop-scheduler"), of_a_team);
        assert_eq!(role_arn(&arn, Some("/"), "shop-scheduler"), role_arn(&arn, None, "shop-scheduler"));
    }
}
