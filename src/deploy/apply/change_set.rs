//! A change set: what `CloudFormation` would do to make a stack what a template says.

use aws_sdk_cloudformation::types::{
    Capability, ChangeSetStatus, ChangeSetType, DeploymentMode, Parameter, ResourceAttribute, ResourceChange,
    ValidationStatus,
};
use celeriac_aws::RequestError;
use celeriac_core::ports::{Clock as _, SystemClock};
use tokio::time::sleep;

use super::{Account, ApplyError, Change, Deployment, cause::cure, follow::EVERY, state::Kind};
use crate::deploy::template::CODE_BUCKET;

/// Where a template is.
pub(super) enum Template {
    /// In a bucket, at this URL.
    At(String),
    Text(String),
}

/// A change set that can be executed.
pub(super) struct ChangeSet {
    /// Its ARN.
    pub(super) id: String,
    /// The ARN of the stack.
    pub(super) stack: String,
    pub(super) changes: Vec<Change>,
    kind: Kind,
}

impl ChangeSet {
    /// Makes one. `None` if nothing would change. The program is, or will be, in this bucket.
    pub(super) async fn make(
        account: &Account,
        deployment: &Deployment<'_>,
        kind: Kind,
        bucket: &str,
        template: Template,
    ) -> Result<Option<Self>, ApplyError> {
        let (url, text) = match template {
            Template::At(url) => (Some(url), None),
            Template::Text(text) => (None, Some(text)),
        };
        let made = account
            .cloudformation
            .create_change_set()
            .stack_name(deployment.stack.as_str())
            .change_set_name(format!("celeriac-{}", SystemClock::new().now_ms()))
            .change_set_type(match kind {
                Kind::Create => ChangeSetType::Create,
                Kind::Update => ChangeSetType::Update,
            })
            .set_template_url(url)
            .set_template_body(text)
            // The template names the key of the zip in it.
            .parameters(Parameter::builder().parameter_key(CODE_BUCKET).parameter_value(bucket).build())
            .capabilities(Capability::CapabilityNamedIam)
            .set_deployment_mode(
                (deployment.reverts_drift && kind == Kind::Update).then_some(DeploymentMode::RevertDrift),
            )
            .set_role_arn(deployment.role.map(str::to_owned))
            .send()
            .await
            .map_err(RequestError::of)
            .map_err(ApplyError::of("make a change set"))?;
        let set = Self {
            id: made.id().unwrap_or_default().to_owned(),
            stack: made.stack_id().unwrap_or_default().to_owned(),
            changes: Vec::new(),
            kind,
        };
        match set.wait(account).await? {
            None => Ok(Some(Self { changes: set.changes(account).await?, ..set })),
            Some(reason) => {
                let found = set.found(account).await;
                set.discard(account).await.map_err(ApplyError::of("delete a change set that is of no use"))?;
                if is_no_change(&reason) {
                    return Ok(None);
                }
                Err(ApplyError::ChangeSet(explain(&reason, &found)))
            }
        }
    }

    /// What `CloudFormation` has found wrong before anything was changed, such as names that are taken: each resource with
    /// the reason. The change set itself only says that there is something.
    async fn found(&self, account: &Account) -> Vec<(String, String)> {
        let request = account.cloudformation.describe_events().change_set_name(&self.id);
        // Without the permission for it, the reason of the change set has to do.
        let events = request.send().await.ok().and_then(|answer| answer.operation_events).unwrap_or_default();
        let failed = events.into_iter().filter(|event| event.validation_status == Some(ValidationStatus::Failed));
        failed.filter_map(|event| Some((event.logical_resource_id?, event.validation_status_reason?))).collect()
    }

    /// Waits until it is made. Returns the reason if it could not be.
    async fn wait(&self, account: &Account) -> Result<Option<String>, ApplyError> {
        loop {
            let request = account.cloudformation.describe_change_set().change_set_name(&self.id);
            let set =
                request.send().await.map_err(RequestError::of).map_err(ApplyError::of("look at the change set"))?;
            match set.status() {
                Some(ChangeSetStatus::CreateComplete) => return Ok(None),
                Some(ChangeSetStatus::CreateInProgress | ChangeSetStatus::CreatePending) => sleep(EVERY).await,
                _ => return Ok(Some(set.status_reason().unwrap_or("it gives no reason").to_owned())),
            }
        }
    }

    async fn changes(&self, account: &Account) -> Result<Vec<Change>, ApplyError> {
        let request = account.cloudformation.describe_change_set().change_set_name(&self.id);
        let mut pages = request.into_paginator().send();
        let mut changes = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(RequestError::of).map_err(ApplyError::of("look at the change set"))?;
            let here = page.changes.unwrap_or_default().into_iter().filter_map(|change| change.resource_change);
            changes.extend(here.map(|change| read(&change)));
        }
        Ok(changes)
    }

    /// Deletes it, and the empty stack that it has made to be in.
    pub(super) async fn discard(&self, account: &Account) -> Result<(), RequestError> {
        let cloudformation = &account.cloudformation;
        let deleted = cloudformation.delete_change_set().change_set_name(&self.id).send().await;
        deleted.map_err(RequestError::of)?;
        if self.kind == Kind::Update {
            return Ok(());
        }
        // Someone else may have deployed it meanwhile.
        let state = account.stack(&self.stack).await?;
        if state.is_some_and(|state| state.status == "REVIEW_IN_PROGRESS") {
            cloudformation.delete_stack().stack_name(&self.stack).send().await.map_err(RequestError::of)?;
        }
        Ok(())
    }
}

/// Why there is no change set, with the cures.
fn explain(reason: &str, found: &[(String, String)]) -> String {
    let with_cure = |reason: &str| cure(reason).map_or_else(|| reason.to_owned(), |cure| format!("{reason}; {cure}"));
    if found.is_empty() {
        return with_cure(reason);
    }
    let lines = found.iter().map(|(resource, reason)| format!("\n  {resource}: {}", with_cure(reason)));
    reason.to_owned() + &lines.collect::<String>()
}

/// `CloudFormation` has no code for that.
fn is_no_change(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

fn read(change: &ResourceChange) -> Change {
    let mut properties: Vec<String> = change
        .details()
        .iter()
        .filter_map(|detail| {
            let target = detail.target()?;
            Some(target.name().or(target.attribute().map(ResourceAttribute::as_str))?.to_owned())
        })
        .collect();
    properties.sort_unstable();
    properties.dedup();
    Change {
        action: change.action().map_or_else(String::new, |action| action.as_str().to_owned()),
        id: change.logical_resource_id().unwrap_or_default().to_owned(),
        kind: change.resource_type().unwrap_or_default().to_owned(),
        name: change.physical_resource_id().map(str::to_owned),
        replacement: change.replacement().map(|replacement| replacement.as_str().to_owned()),
        policy: change.policy_action().map(|policy| policy.as_str().to_owned()),
        properties,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_before_anything_changes_is_named_with_its_cure() {
        let reason = "The following validation failed: [AWS::EarlyValidation::ResourceExistenceCheck].";
        let taken = "Resource of type 'AWS::SQS::Queue' with identifier 'prod-mail' already exists.";
        let text = explain(reason, &[("QueueMail".to_owned(), taken.to_owned())]);
        assert!(
            text.starts_with(&format!("{reason}\n  QueueMail: {taken}; something has this name already.")),
            "{text}"
        );
        assert!(explain("You are not authorized", &[]).contains("; the credentials that deploy lack"));
        assert_eq!(explain("unknown", &[]), "unknown");
    }

    #[test]
    fn nothing_to_change_is_told_from_a_failure() {
        assert!(is_no_change(
            "The submitted information didn't contain changes. Submit different information to create a change set."
        ));
        assert!(is_no_change("No updates are to be performed."));
        assert!(!is_no_change("Template error: instance of Fn::GetAtt references undefined resource X"));
    }
}
