//! A task queue without servers: AWS Lambda and SQS in production, one process and one file on a laptop.

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod app;
#[cfg(doctest)]
mod book;
#[cfg(feature = "cli")]
pub mod cli;
mod host;
#[cfg(feature = "cli")]
mod main_macro;
mod sweep;

pub use app::{App, DATABASE, DATABASE_VARIABLE, Road};
pub use host::{Running, StartError};
#[cfg(feature = "embedded")]
pub use task_core::embedded;
pub use task_core::{
    client::{Batch, Call, CallStatus, Client, Delay, Error, FanOut, Handle, Progress, Source},
    id::{BatchId, TaskId},
    ports::{BatchRecord, BoxError, DeadLetter, DeadQuery},
    task::{
        Context, Data, Options, Outcome, Perform, Registry, RegistryError, State, States, Stop, Takes, Task, TaskDef,
        parse_duration,
    },
};
pub use task_macros::{Task, task};
