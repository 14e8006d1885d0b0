//! What generated code touches, and nothing else does. Not part of the API.

pub use inventory;
pub use serde;
pub use task_core::{
    client::{Call, Delay, FanOut, Source},
    task::{
        Body, Options, Outcome, Perform, Takes, Task, TaskDef,
        arguments::{check, check_or_default, read, read_or_default},
        state_key,
    },
};

use futures::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use task_core::task::{Ended, Job};

/// A future as a body of a task gives it.
pub fn future(run: impl Future<Output = Ended> + Send + 'static) -> BoxFuture<'static, Ended> {
    Box::pin(run)
}

/// A blocking job as a body of a task gives it.
pub fn job(run: impl FnOnce() -> Ended + Send + 'static) -> Job {
    Box::new(run)
}

/// What can be an argument of a task.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a task",
    label = "not `Serialize + DeserializeOwned + Send`",
    note = "a type of yours needs `#[derive(Serialize, Deserialize)]`; what is shared by all calls is asked for as `State<T>`"
)]
pub trait Argument: Serialize + DeserializeOwned + Send + 'static {
    /// Itself, where it can be one: naming the type through this makes what cannot be one a single error.
    type Type: Serialize + DeserializeOwned + Send + 'static;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Argument for T {
    type Type = Self;
}
