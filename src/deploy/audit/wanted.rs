//! What a stack should be: the template of the program and its settings, and what they want beyond it.

use std::collections::BTreeMap;

use celeriac_aws::Stack;
use celeriac_core::task::Registry;
use serde_json::{Map, Value};

use crate::deploy::{
    self, FleetError,
    fleet::{DueTask, Fleet},
    settings::{Road, Settings},
};

/// What a stack should be.
pub(crate) struct Wanted<'a> {
    pub(super) fleet: Fleet<'a>,
    pub(super) template: Value,
    /// The names of the tasks of each queue.
    pub(super) tasks: BTreeMap<&'static str, Vec<&'static str>>,
    /// The checksum of the program that its functions should run, as Lambda writes it, if it is known.
    pub(super) code: Option<String>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(
        stack: &'a Stack,
        registry: &Registry,
        settings: &'a Settings,
        now_ms: u64,
    ) -> Result<Self, FleetError> {
        let template = deploy::template(stack, registry, settings, now_ms)?;
        let fleet = Fleet::new(stack, registry, settings, now_ms)?;
        let mut tasks: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for def in registry.iter() {
            tasks.entry(def.options.queue).or_default().push(def.name);
        }
        Ok(Self { fleet, template, tasks, code: None })
    }

    /// Wants the functions to run the program whose zip has this checksum.
    pub(crate) fn running(self, code: Option<String>) -> Self {
        Self { code, ..self }
    }

    pub(crate) fn template(&self) -> &Value {
        &self.template
    }

    pub(super) fn stack(&self) -> &Stack {
        self.fleet.stack
    }

    pub(super) fn settings(&self) -> &Settings {
        self.fleet.settings
    }

    pub(super) fn schedules(&self) -> &[DueTask] {
        &self.fleet.schedules
    }

    /// How many queues go through the dispatcher.
    pub(super) fn wide(&self) -> u32 {
        u32::try_from(self.fleet.on(Road::Wide).count()).unwrap_or(u32::MAX)
    }

    /// The most workers that run at a time for narrow queues.
    pub(super) fn narrow(&self) -> u32 {
        self.fleet.on(Road::Narrow).map(|name| self.fleet.queues[name].concurrency).sum()
    }

    pub(super) fn resources(&self) -> &Map<String, Value> {
        static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        self.template["Resources"].as_object().unwrap_or(&NONE)
    }

    /// The resources of a kind: their ids and properties.
    pub(super) fn of_kind<'b>(&'b self, kind: &'b str) -> impl Iterator<Item = (&'b str, &'b Value)> {
        let of_kind = self.resources().iter().filter(move |(_, resource)| resource["Type"] == kind);
        of_kind.map(|(id, resource)| (id.as_str(), &resource["Properties"]))
    }
}

/// A whole number of a template.
pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// A text of a template.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The resource that a template refers to by `Ref`, or by an attribute of it.
pub(super) fn referred(value: &Value) -> Option<&str> {
    value["Ref"].as_str().or_else(|| value["Fn::GetAtt"][0].as_str())
}
