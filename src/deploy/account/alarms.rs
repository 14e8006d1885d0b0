//! Looks up alarms by way of `CloudFormation`, which says of each whether it is still what the template made it: that
//! needs no further SDK.

use aws_sdk_cloudformation::types::StackResourceDriftStatus as Status;
use celeriac_aws::RequestError;

use super::Account;
use crate::deploy::audit::{Alarm, Looked};

impl Account {
    /// The alarm with this id in the template of a stack.
    pub(super) async fn alarm(&self, stack: &str, id: &str) -> Looked<Option<Alarm>> {
        let request = self.cloudformation.detect_stack_resource_drift().stack_name(stack).logical_resource_id(id);
        let answer = request.send().await.map_err(|error| RequestError::of(error).to_string())?;
        let drift = answer.stack_resource_drift.ok_or("CloudFormation does not say")?;
        let changed = drift.property_differences.unwrap_or_default();
        let changed = changed.into_iter().filter_map(|one| Some(one.property_path?.trim_start_matches('/').to_owned()));
        match drift.stack_resource_drift_status {
            Some(Status::Deleted) => Ok(None),
            Some(Status::InSync | Status::Modified) => Ok(Some(Alarm { changed: changed.collect() })),
            status => Err(format!("CloudFormation says {}", status.as_ref().map_or("nothing", Status::as_str))),
        }
    }
}
