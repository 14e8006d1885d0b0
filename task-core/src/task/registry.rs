//! The tasks that are linked into this program.

use std::collections::BTreeMap;

use super::{States, TaskDef};

/// The tasks that are linked into this program, by name.
#[derive(Clone, Debug)]
pub struct Registry {
    tasks: BTreeMap<&'static str, &'static TaskDef>,
}

/// What is wrong with the tasks of this program: everything at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct RegistryError(Vec<String>);

impl Registry {
    /// All tasks that are linked. An error if two have one name, or if there are none.
    pub fn linked() -> Result<Self, RegistryError> {
        Self::new(inventory::iter::<TaskDef>)
    }

    /// These tasks.
    pub fn new(defs: impl IntoIterator<Item = &'static TaskDef>) -> Result<Self, RegistryError> {
        // The linker decides the order of `inventory`; the order of errors should not depend on it.
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

    /// An error that names each state that a task asks for and that is not in `states`.
    pub fn check(&self, states: &States) -> Result<(), RegistryError> {
        let mut wrong = Vec::new();
        for def in self.iter() {
            for (id, state) in def.states.iter().map(|key| key()) {
                if !states.has(id) {
                    wrong.push(format!(
                        "task `{}` ({}:{}) asks for State<{state}>, which nobody provided: write `app.state(..)` in \
                         the set-up given to celeriac::main!",
                        def.name, def.at.0, def.at.1
                    ));
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(RegistryError(wrong)) }
    }

    /// The task of this name or alias.
    pub fn get(&self, name: &str) -> Option<&'static TaskDef> {
        self.tasks.get(name).copied()
    }

    /// All tasks, by name.
    pub fn iter(&self) -> impl Iterator<Item = &'static TaskDef> + '_ {
        self.tasks.iter().filter(|(name, def)| **name == def.name).map(|(_, def)| *def)
    }
}
