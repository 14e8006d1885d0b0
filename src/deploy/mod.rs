//! Writes a stack on AWS as a `CloudFormation` template, from the tasks of a program and a settings file, both checked
//! first. Also writes the zip that Lambda runs.
//!
//! Data flows one way: [`Settings`] and the registry become a [`Fleet`], which lists the parts; one file for each kind
//! of resource adds it to the [`Template`]. None of this talks to AWS.
//!
//! With the feature `apply` there are four more parts: `account` looks up what AWS has, `audit` judges that by what the
//! template wants, `apply` makes AWS have it, and `rollback` makes functions run the version before.

#[cfg(feature = "apply")]
pub(crate) mod account;
mod alarm;
mod alarms;
#[cfg(feature = "apply")]
pub(crate) mod apply;
#[cfg(feature = "apply")]
pub(crate) mod audit;
mod causes;
mod check;
mod dashboard;
mod fleet;
mod functions;
mod log_queries;
mod mappings;
mod names;
mod network;
mod outputs;
mod package;
mod policies;
mod queues;
mod reserved;
mod roles;
#[cfg(feature = "apply")]
pub(crate) mod rollback;
mod schedules;
mod secrets;
mod settings;
mod storage;
mod template;
mod versions;

use celeriac_aws::Stack;
use celeriac_core::task::Registry;
use serde_json::Value;

use self::{fleet::Fleet, template::Template};
pub(crate) use self::{
    fleet::FleetError,
    package::{Glibc, Package},
    settings::{Architecture, Settings},
};

/// The template of a stack with these tasks. Schedules are judged by the time `now_ms`.
pub(crate) fn template(
    stack: &Stack,
    registry: &Registry,
    settings: &Settings,
    now_ms: u64,
) -> Result<Value, FleetError> {
    let fleet = Fleet::new(stack, registry, settings, now_ms)?;
    let mut template = Template::new(&settings.tags);
    queues::add(&mut template, &fleet);
    storage::add(&mut template, &fleet);
    functions::add(&mut template, &fleet);
    mappings::add(&mut template, &fleet);
    roles::add(&mut template, &fleet);
    policies::add(&mut template, &fleet);
    schedules::add(&mut template, &fleet);
    alarms::add(&mut template, &fleet);
    dashboard::add(&mut template, &fleet);
    log_queries::add(&mut template, &fleet);
    network::add(&mut template, &fleet);
    outputs::add(&mut template, &fleet);
    template.finish(stack).map_err(FleetError::from)
}
