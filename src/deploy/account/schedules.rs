//! Looks up schedules at `EventBridge` Scheduler.

use celeriac_aws::RequestError;

use super::{Account, found};
use crate::deploy::audit::{Looked, Schedule};

impl Account {
    /// The schedule of this name, which `CloudFormation` may write with its group before it.
    pub(super) async fn schedule(&self, group: &str, name: &str) -> Looked<Option<Schedule>> {
        let name = name.rsplit(['|', '/']).next().unwrap_or(name);
        let answer = self.scheduler.get_schedule().group_name(group).name(name).send().await;
        let Some(schedule) = found(answer.map_err(RequestError::of))? else { return Ok(None) };
        Ok(Some(Schedule {
            state: schedule.state.map_or_else(String::new, |state| state.as_str().to_owned()),
            expression: schedule.schedule_expression.unwrap_or_default(),
            timezone: schedule.schedule_expression_timezone.unwrap_or_default(),
        }))
    }
}
