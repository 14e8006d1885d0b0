//! Finds the causes of a failed deployment among its events. One failure makes `CloudFormation` give up everything that it
//! does at the same time, and then undo the rest: these events are consequences.

use celeriac_aws::Stack;

use super::{Event, state};

/// The most causes that are printed.
const NAMED: usize = 5;

/// What `CloudFormation` writes of resources that it has given up since another one failed.
const GIVEN_UP: [&str; 3] = ["Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled"];

/// The cure, by a part of the reason.
const CURES: [(&str, &str); 7] = [
    (
        "ReservedConcurrentExecutions",
        "the account has too little concurrency to reserve some: leave `worker.reserved_concurrency` and \
         `dispatcher.reserved_concurrency` out, or ask for more in Service Quotas (L-B99A9384)",
    ),
    (
        "already exists",
        "something has this name already. If an earlier stack has left it, because of `retain`: `aws cloudformation \
         create-change-set --import-existing-resources` takes it into the stack; else delete it, or name the stack \
         otherwise",
    ),
    (
        "not authorized",
        "the credentials that deploy lack this permission; which ones it takes is in `Permissions` on the \
      page `Deploying on AWS`",
    ),
    (
        "AccessDenied",
        "the credentials that deploy lack this permission; which ones it takes is in `Permissions` on the \
      page `Deploying on AWS`",
    ),
    ("permissions boundary", "set `permissions_boundary` to the policy that your company demands"),
    ("NoSuchKey", "the zip is gone from the bucket: deploy again, which uploads it"),
    ("LimitExceeded", "a quota of the account is reached: ask for more in Service Quotas"),
];

/// The first causes of a failure with their cures, and what to do then. Events are in the order in which they happened.
pub(super) fn explain(stack: &Stack, status: &str, events: &[Event]) -> String {
    let failed = || events.iter().filter(|event| event.is_failure());
    let causes: Vec<&Event> = failed().filter(|event| !event.is_of_stack() && !is_given_up(event)).collect();
    let causes = if causes.is_empty() { failed().collect() } else { causes };
    let mut lines = vec![format!("stack {stack} was not deployed, it is {status}")];
    lines.extend(causes.iter().take(NAMED).map(|event| {
        let reason = event.reason.as_deref().unwrap_or("CloudFormation gives no reason");
        let cure = cure(reason).map_or_else(String::new, |cure| format!("\n    {cure}"));
        format!("  {} ({}): {reason}{cure}", event.resource, event.kind)
    }));
    if causes.len() > NAMED {
        lines.push(format!("  and {} more", causes.len() - NAMED));
    }
    lines.push(match status {
        status if state::is_failed_first(status) => {
            "Nothing was left behind but the stack's name. Mend the cause, then `deploy apply --recreate`".to_owned()
        }
        "UPDATE_ROLLBACK_COMPLETE" => {
            "The stack is as it was before, and its calls go on. Mend the cause, then deploy again".to_owned()
        }
        _ => format!("`aws cloudformation describe-stack-events --stack-name {stack}` has the whole story"),
    });
    lines.join("\n")
}

fn is_given_up(event: &Event) -> bool {
    event.reason.as_ref().is_some_and(|reason| GIVEN_UP.iter().any(|given_up| reason.starts_with(given_up)))
}

/// What to do about a reason.
pub(super) fn cure(reason: &str) -> Option<&'static str> {
    CURES.iter().find(|(part, _)| reason.contains(part)).map(|(_, cure)| *cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(resource: &str, status: &str, reason: &str) -> Event {
        let kind = if resource == "prod" { "AWS::CloudFormation::Stack" } else { "AWS::SQS::Queue" };
        Event {
            id: format!("{resource}{status}"),
            resource: resource.to_owned(),
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
        }
    }

    fn explained(status: &str, events: &[Event]) -> String {
        explain(&"prod".parse().expect("a name"), status, events)
    }

    #[test]
    fn causes_are_told_from_consequences() {
        let text = explained(
            "ROLLBACK_COMPLETE",
            &[
                event("QueueMail", "CREATE_IN_PROGRESS", ""),
                event("QueueMail", "CREATE_FAILED", "prod-mail already exists"),
                event("Table", "CREATE_FAILED", "Resource creation cancelled"),
                event(
                    "prod",
                    "ROLLBACK_IN_PROGRESS",
                    "The following resource(s) failed to create: [QueueMail, Table].",
                ),
                event("QueueHooks", "DELETE_COMPLETE", ""),
            ],
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..2],
            [
                "stack prod was not deployed, it is ROLLBACK_COMPLETE",
                "  QueueMail (AWS::SQS::Queue): prod-mail already exists"
            ]
        );
        assert!(lines[2].contains("--import-existing-resources"), "{text}");
        assert_eq!(
            lines[3..],
            ["Nothing was left behind but the stack's name. Mend the cause, then `deploy apply --recreate`"]
        );
    }

    #[test]
    fn many_causes_are_counted_and_a_failed_rollback_says_where_to_look() {
        let events: Vec<Event> =
            (0..7).map(|at| event(&format!("Queue{at}"), "UPDATE_FAILED", "You are not authorized")).collect();
        let text = explained("UPDATE_ROLLBACK_FAILED", &events);
        assert!(text.contains("\n  and 2 more\n"), "{text}");
        assert!(text.ends_with("describe-stack-events --stack-name prod` has the whole story"), "{text}");
        let text = explained("UPDATE_ROLLBACK_COMPLETE", &events[..1]);
        assert!(text.ends_with("Mend the cause, then deploy again"), "{text}");
    }

    #[test]
    fn a_failure_of_the_stack_alone_is_the_cause() {
        let text = explained("ROLLBACK_COMPLETE", &[event("prod", "ROLLBACK_FAILED", "no role")]);
        assert!(text.contains("  prod (AWS::CloudFormation::Stack): no role"), "{text}");
    }

    #[test]
    fn known_reasons_have_a_cure() {
        for (reason, says) in [
            (
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
                 below its minimum value of [100].",
                "leave `worker.reserved_concurrency`",
            ),
            ("User: arn:x is not authorized to perform: iam:CreateRole", "`Permissions`"),
            ("Error occurred while GetObject. S3 Error Code: NoSuchKey.", "uploads it"),
        ] {
            assert!(cure(reason).is_some_and(|cure| cure.contains(says)), "{reason}");
        }
        assert_eq!(cure("the moon is full"), None);
    }
}
