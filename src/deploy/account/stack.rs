//! Looks up a stack at `CloudFormation`: its state, its resources, and the template that it was deployed from.

use aws_sdk_cloudformation::types::{ResourceStatus, TemplateStage};
use celeriac_aws::RequestError;

use super::{Account, live::Resource};
use crate::deploy::audit::{Looked, StackState};

impl Account {
    /// The stack of this name or id; `None` if there is none, or if it was deleted.
    pub(crate) async fn stack(&self, name: &str) -> Result<Option<StackState>, RequestError> {
        let answer = self.cloudformation.describe_stacks().stack_name(name).send().await.map_err(RequestError::of);
        let stacks = match answer {
            Ok(answer) => answer.stacks.unwrap_or_default(),
            Err(error) if is_no_stack(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(stack) = stacks.into_iter().next() else { return Ok(None) };
        let status = stack.stack_status().map_or_else(String::new, |status| status.as_str().to_owned());
        let outputs = stack.outputs().iter();
        let outputs = outputs.filter_map(|one| Some((one.output_key()?.to_owned(), one.output_value()?.to_owned())));
        Ok(Some(StackState {
            id: stack.stack_id().unwrap_or(name).to_owned(),
            status,
            reason: stack.stack_status_reason().map(str::to_owned),
            outputs: outputs.collect(),
        })
        .filter(|stack| stack.status != "DELETE_COMPLETE"))
    }

    /// The text that a stack was deployed from; `None` if it was never.
    pub(super) async fn template(&self, stack: &str) -> Looked<Option<String>> {
        let request = self.cloudformation.get_template().stack_name(stack).template_stage(TemplateStage::Original);
        match request.send().await.map_err(RequestError::of) {
            Ok(answer) => Ok(answer.template_body),
            Err(error) if is_no_stack(&error) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(super) async fn resources(&self, stack: &str) -> Looked<Vec<Resource>> {
        let mut pages = self.cloudformation.list_stack_resources().stack_name(stack).into_paginator().send();
        let mut resources = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| RequestError::of(error).to_string())?;
            let here = page.stack_resource_summaries.unwrap_or_default().into_iter();
            let here = here.filter(|one| one.resource_status != Some(ResourceStatus::DeleteComplete));
            resources.extend(here.filter_map(|one| {
                Some(Resource {
                    id: one.logical_resource_id?,
                    kind: one.resource_type?,
                    name: one.physical_resource_id.filter(|name| !name.is_empty())?,
                })
            }));
        }
        Ok(resources)
    }
}

/// `CloudFormation` has no code for that.
fn is_no_stack(error: &RequestError) -> bool {
    error.code() == "ValidationError" && error.text().contains("does not exist")
}
