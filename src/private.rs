//! The items that generated code uses, for that code alone. Not part of the API.

pub use celeriac_core::{
    client::{Call, Delay, FanOut, Source},
    task::{
        Body, Data, Options, Outcome, Perform, Plain, Returned, Shape, Takes, Task, TaskDef, Unjudged,
        arguments::{accept, accept_or_default, check, check_or_default, read, read_or_default, show},
        fields::fields,
        state_key,
    },
};
pub use inventory;
pub use serde;

use celeriac_core::task::{Ended, Job};
use futures::future::BoxFuture;

/// The future of a task's body.
pub fn future(run: impl Future<Output = Ended> + Send + 'static) -> BoxFuture<'static, Ended> {
    Box::pin(run)
}

/// The blocking job of a task's body.
pub fn job(run: impl FnOnce() -> Ended + Send + 'static) -> Job {
    Box::new(run)
}
