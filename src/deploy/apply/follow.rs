//! Executes a change set, and follows the stack's events until it is done.

use std::{collections::BTreeSet, time::Duration};

use celeriac_aws::{RequestError, Stack};
use tokio::time::sleep;

use super::{Account, ApplyError, Event, Step, cause, change_set::ChangeSet};
use crate::deploy::audit::StackState;

/// How often a stack is looked at.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// Executes a change set, and waits until the stack is what it says. If it fails, that is undone, and the error has the
/// causes.
pub(super) async fn execution(
    account: &Account,
    stack: &Stack,
    set: &ChangeSet,
    report: &mut dyn FnMut(Step<'_>),
) -> Result<StackState, ApplyError> {
    let look = ApplyError::of("look at the stack, whose deployment goes on without this command");
    let mut seen = newest(account, &set.stack).await.map_err(&look)?;
    let request = account.cloudformation.execute_change_set().change_set_name(&set.id);
    request.send().await.map_err(RequestError::of).map_err(ApplyError::of("execute the change set"))?;
    let (mut story, mut done) = (Vec::new(), BTreeSet::new());
    loop {
        sleep(EVERY).await;
        for event in events(account, &set.stack, &seen).await.map_err(&look)? {
            seen.insert(event.id.clone());
            if event.is_end() && !event.is_of_stack() {
                done.insert(event.resource.clone());
            }
            report(Step::Event(&event));
            story.push(event);
        }
        report(Step::Done(done.len()));
        // By its events, since a stack keeps its old state for a moment after the change set was executed.
        let Some(status) = end(&story) else { continue };
        if !matches!(status, "CREATE_COMPLETE" | "UPDATE_COMPLETE") {
            return Err(ApplyError::Failed(cause::explain(stack, status, &story)));
        }
        let state = account.stack(&set.stack).await.map_err(&look)?;
        return state.ok_or_else(|| {
            ApplyError::Failed(format!("stack {stack} was deleted just after it was deployed: deploy it again"))
        });
    }
}

/// The state in which a deployment has ended, if it has. That includes the deletion of what was replaced or removed: only
/// then can the stack be deployed again.
fn end(story: &[Event]) -> Option<&str> {
    let last = story.iter().rev().find(|event| event.is_of_stack())?.status.as_str();
    (!last.ends_with("_IN_PROGRESS")).then_some(last)
}

/// Deletes a stack, and waits until it is gone.
pub(super) async fn deletion(account: &Account, stack: &StackState) -> Result<(), ApplyError> {
    let request = account.cloudformation.delete_stack().stack_name(&stack.id);
    request.send().await.map_err(RequestError::of).map_err(ApplyError::of("delete the stack"))?;
    while let Some(state) = account.stack(&stack.id).await.map_err(ApplyError::of("look at the stack"))? {
        if state.status == "DELETE_FAILED" {
            return Err(ApplyError::Failed(format!(
                "the stack cannot be deleted: {}; mend that, then deploy again",
                state.reason.unwrap_or_default()
            )));
        }
        sleep(EVERY).await;
    }
    Ok(())
}

/// The ids of the latest events: what comes after them is new.
async fn newest(account: &Account, stack: &str) -> Result<BTreeSet<String>, RequestError> {
    let page =
        account.cloudformation.describe_stack_events().stack_name(stack).send().await.map_err(RequestError::of)?;
    Ok(page.stack_events.unwrap_or_default().into_iter().filter_map(|event| event.event_id).collect())
}

/// The events that are not known yet, in the order in which they happened.
async fn events(account: &Account, stack: &str, seen: &BTreeSet<String>) -> Result<Vec<Event>, RequestError> {
    let mut pages = account.cloudformation.describe_stack_events().stack_name(stack).into_paginator().send();
    let mut news = Vec::new();
    // The newest come first.
    'pages: while let Some(page) = pages.next().await {
        for event in page.map_err(RequestError::of)?.stack_events.unwrap_or_default() {
            let id = event.event_id.unwrap_or_default();
            if seen.contains(&id) {
                break 'pages;
            }
            news.push(Event {
                id,
                resource: event.logical_resource_id.unwrap_or_default(),
                kind: event.resource_type.unwrap_or_default(),
                status: event.resource_status.map_or_else(String::new, |status| status.as_str().to_owned()),
                reason: event.resource_status_reason.filter(|reason| !reason.is_empty()),
            });
        }
    }
    news.reverse();
    Ok(news)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(statuses: &[(&str, &str)]) -> Option<String> {
        let events = statuses.iter().map(|(kind, status)| Event {
            kind: format!("AWS::{kind}"),
            status: (*status).to_owned(),
            ..Event::default()
        });
        end(&events.collect::<Vec<_>>()).map(str::to_owned)
    }

    #[test]
    fn a_deployment_ends_with_an_event_of_its_stack() {
        let begun = ("CloudFormation::Stack", "UPDATE_IN_PROGRESS");
        assert_eq!(ended(&[]), None);
        assert_eq!(ended(&[begun, ("SQS::Queue", "UPDATE_COMPLETE")]), None);
        for (last, end) in [
            ("UPDATE_COMPLETE", Some("UPDATE_COMPLETE")),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None),
            ("UPDATE_ROLLBACK_IN_PROGRESS", None),
            ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None),
            ("UPDATE_ROLLBACK_COMPLETE", Some("UPDATE_ROLLBACK_COMPLETE")),
            ("ROLLBACK_FAILED", Some("ROLLBACK_FAILED")),
        ] {
            assert_eq!(ended(&[begun, ("CloudFormation::Stack", last)]).as_deref(), end, "{last}");
        }
    }
}
