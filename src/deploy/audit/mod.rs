//! Judges a deployed stack by what its program and settings want. These are pure functions over what [`account`] has
//! looked up, a file for each kind of part; none of them talks to AWS.
//!
//! [`account`]: super::account

mod alarms;
mod concurrency;
mod finding;
mod functions;
mod mappings;
mod part;
mod queues;
mod schedules;
mod stack;
mod table;
mod tasks;
mod template;
#[cfg(test)]
mod testing;
mod wanted;

use std::collections::BTreeMap;

pub(crate) use self::{
    alarms::Alarm,
    concurrency::Concurrency,
    finding::{Finding, Level},
    functions::Function,
    mappings::Mapping,
    part::Looked,
    queues::Queue,
    schedules::Schedule,
    stack::StackState,
    table::Table,
    wanted::Wanted,
};

use super::apply::is_failed_first;

/// The resources of one kind by their ids in the template. `None` is a resource that the stack has and the service has
/// not: it was deleted by hand.
pub(crate) type Parts<T> = BTreeMap<String, Looked<Option<T>>>;

/// What the account has of a stack.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) concurrency: Looked<Concurrency>,
    /// `None` if there is no such stack.
    pub(crate) stack: Looked<Option<StackState>>,
    /// The text that the stack was last deployed from.
    pub(crate) template: Looked<Option<String>>,
    /// The services' names of the stack's resources, by their ids in the template.
    pub(crate) names: BTreeMap<String, String>,
    pub(crate) functions: Parts<Function>,
    pub(crate) mappings: Parts<Mapping>,
    pub(crate) queues: Parts<Queue>,
    pub(crate) table: Parts<Table>,
    pub(crate) schedules: Parts<Schedule>,
    pub(crate) alarms: Parts<Alarm>,
}

impl Live {
    /// What is known before anything but these was looked up.
    pub(crate) fn new(concurrency: Looked<Concurrency>, stack: Looked<Option<StackState>>) -> Self {
        Self {
            concurrency,
            stack,
            template: Ok(None),
            names: BTreeMap::new(),
            functions: BTreeMap::new(),
            mappings: BTreeMap::new(),
            queues: BTreeMap::new(),
            table: BTreeMap::new(),
            schedules: BTreeMap::new(),
            alarms: BTreeMap::new(),
        }
    }
}

impl Live {
    /// The key of the zip that the stack was deployed with, if its template names it.
    pub(crate) fn code(&self) -> Option<String> {
        template::code(self.template.as_ref().ok()?.as_ref()?)
    }

    /// Whether there is a stack to compare.
    pub(crate) fn is_deployed(&self) -> bool {
        matches!(&self.template, Ok(Some(_)))
    }
}

/// What is wrong with the concurrency of the account, if that is known.
pub(crate) fn too_little_concurrency(wanted: &Wanted<'_>, live: &Live) -> Option<Finding> {
    live.concurrency.is_ok().then(|| concurrency::judge(wanted, live)).filter(|finding| finding.level != Level::Ok)
}

/// Everything that is to be said of a stack, in the order in which it is to be mended.
pub(crate) fn judge(wanted: &Wanted<'_>, live: &Live) -> Vec<Finding> {
    let mut findings = vec![concurrency::judge(wanted, live), stack::judge(wanted, live)];
    // Without a stack, or without an answer to what is in it, there is nothing to compare.
    if !matches!(&live.stack, Ok(Some(state)) if !is_failed_first(&state.status)) {
        return findings;
    }
    findings.push(template::judge(wanted, live));
    findings.push(tasks::judge(wanted, live));
    findings.extend(functions::judge(wanted, live));
    findings.extend(queues::judge(wanted, live));
    findings.extend(mappings::judge(wanted, live));
    findings.extend(table::judge(wanted, live));
    findings.extend(schedules::judge(wanted, live));
    findings.extend(alarms::judge(wanted, live));
    findings
}
