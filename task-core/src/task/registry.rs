//! The tasks that are linked into this program.

use std::collections::BTreeMap;

use super::{States, TaskDef};

/// The tasks that are linked into this program, by name.
#[derive(Clone, Debug)]
pub struct Registry {
    tasks: BTreeMap<&'static str, &'static TaskDef>,
}

/// Why this program's tasks are invalid: all faults at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct RegistryError(Vec<String>);

impl Registry {
    /// All linked tasks. Fails if two have the same name, or if there are none.
    pub fn linked() -> Result<Self, RegistryError> {
        Self::new(inventory::iter::<TaskDef>)
    }

    /// A registry of these tasks.
    pub fn new(defs: impl IntoIterator<Item = &'static TaskDef>) -> Result<Self, RegistryError> {
        // The linker decides the order in `inventory`; errors should not depend on it.
        let mut defs: Vec<_> = defs.into_iter().collect();
        defs.sort_by_key(|def| (def.at, def.name));
        let mut tasks: BTreeMap<_, &TaskDef> = BTreeMap::new();
        let mut wrong = Vec::new();
        for def in defs {
            for name in std::iter::once(def.name).chain(def.options.alias) {
                if let Some(other) = tasks.insert(name, def) {
                    wrong.push(format!(
                        "two tasks are named `{name}`: {}:{} and {}:{}; give one of them `#[task(name = \"..\")]`",
                        other.at.0, other.at.1, def.at.0, def.at.1
                    ));
                }
            }
        }
        if tasks.is_empty() {
            wrong.push(
                "no task is linked into this program: write `#[task]` on a function, and if your tasks live in \
                 another crate, `use my_tasks as _;` in this one, or the linker drops them"
                    .to_owned(),
            );
        }
        if wrong.is_empty() { Ok(Self { tasks }) } else { Err(RegistryError(wrong)) }
    }

    /// Fails if a task needs a state that is not in `states`. The error names each one.
    pub fn check(&self, states: &States) -> Result<(), RegistryError> {
        let mut wrong = Vec::new();
        for def in self.iter() {
            for (id, state) in def.states.iter().map(|key| key()) {
                if !states.has(id) {
                    wrong.push(format!(
                        "task `{}` ({}:{}) asks for State<{state}>, which was not provided: write `app.state(..)` in \
                         the set-up given to celeriac::main!",
                        def.name, def.at.0, def.at.1
                    ));
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(RegistryError(wrong)) }
    }

    /// The task with this name or alias.
    pub fn get(&self, name: &str) -> Option<&'static TaskDef> {
        self.tasks.get(name).copied()
    }

    /// All tasks, by name.
    pub fn iter(&self) -> impl Iterator<Item = &'static TaskDef> + '_ {
        self.tasks.iter().filter(|(name, def)| **name == def.name).map(|(_, def)| *def)
    }
}
