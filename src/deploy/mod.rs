//! What a stack on AWS is made of, written as a `CloudFormation` template: from the tasks of a program and a file of
//! settings, both checked before anything is written. And the zip that Lambda runs.
//!
//! It goes one way: [`Settings`] and the registry become a [`Fleet`], which says what there is; one file for each kind
//! of resource adds it to the [`Template`]. Nothing here talks to AWS.

mod alarm;
mod alarms;
mod check;
mod fleet;
mod functions;
mod mappings;
mod names;
mod network;
mod outputs;
mod package;
mod queues;
mod roles;
mod schedules;
mod settings;
mod storage;
mod template;

use celeriac_aws::Stack;
use celeriac_core::task::Registry;
use serde_json::Value;

use self::{fleet::Fleet, template::Template};
pub(crate) use self::{
    fleet::FleetError,
    package::Package,
    settings::{Architecture, Settings},
};

/// The template of a stack with these tasks. `now_ms` is the time by which schedules are judged.
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
    schedules::add(&mut template, &fleet);
    alarms::add(&mut template, &fleet);
    network::add(&mut template, &fleet);
    outputs::add(&mut template, &fleet);
    template.finish(stack).map_err(FleetError::from)
}
