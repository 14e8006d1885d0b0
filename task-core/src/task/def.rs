//! The definition of a registered task, as the macros submit it.

use std::{any::TypeId, panic::Location};

use futures::future::BoxFuture;

use serde_json::Value;

use super::{Context, Ended, Fields, Options};
use crate::wire::Json;

/// A registered task. Its functions work on encoded arguments, so that their callers need no generics.
#[derive(Debug)]
pub struct TaskDef {
    /// Its name on the wire.
    pub name: &'static str,
    /// Its options.
    pub options: Options,
    /// The file and line of its source.
    pub at: (&'static str, u32),
    /// The names of its arguments, in order, as in the source.
    pub args: &'static [&'static str],
    /// The names by which serde reads its arguments.
    pub fields: fn() -> Fields,
    /// The types of the states that it needs, with their names.
    pub states: &'static [fn() -> (TypeId, &'static str)],
    /// Checks encoded arguments. The error names the wrong argument.
    pub check: fn(&[u8]) -> Result<(), String>,
    /// Encodes arguments given as JSON. The error names the wrong argument.
    pub accept: fn(&Value) -> Result<Vec<u8>, String>,
    /// Shows encoded arguments as JSON, for people: without secrets, and only if they decode to its arguments.
    pub show: fn(&[u8]) -> Option<Json>,
    /// Its body.
    pub body: Body,
}

/// A blocking body that is ready to run.
pub type Job = Box<dyn FnOnce() -> Ended + Send>;

/// The body of a task: decodes the arguments and returns the work, or the name of the wrong argument.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// An `async fn`, or `Perform`.
    Async(fn(&[u8], Context) -> Result<BoxFuture<'static, Ended>, String>),
    /// A plain `fn`, run on a thread.
    Blocking(fn(&[u8], Context) -> Result<Job, String>),
}

impl TaskDef {
    /// A task that takes any arguments and shows none, for tests and simulations.
    #[track_caller]
    pub const fn untyped(name: &'static str, options: Options, body: Body) -> Self {
        let at = Location::caller();
        Self {
            name,
            options,
            at: (at.file(), at.line()),
            args: &[],
            fields: || Fields::Open,
            states: &[],
            check: |_| Ok(()),
            accept: |_| Err("not called by JSON".to_owned()),
            show: |_| None,
            body,
        }
    }

    /// The names of its arguments in queued calls, in order. Flattened arguments are not among them.
    pub fn arg_names(&self) -> &'static [&'static str] {
        match (self.fields)() {
            // The names that serde reads include aliases.
            Fields::Named(read) if !self.args.iter().all(|name| read.contains(name)) => read,
            Fields::Named(_) | Fields::Open => self.args,
        }
    }
}

inventory::collect!(TaskDef);
