//! The traits that `#[task]` and `#[derive(Task)]` implement.

use std::future::Future;

use serde::{Serialize, de::DeserializeOwned};

use super::{Context, Options, Stop};

/// A task: a function or a struct that is registered under a stable name. Implemented by `#[task]` and
/// `#[derive(Task)]`.
pub trait Task: Sized + Send + Sync + 'static {
    /// Its name on the wire.
    const NAME: &'static str;
    /// Its options.
    const OPTIONS: Options;
    /// Its arguments, with one named field each.
    type Args: Data + Send;
    /// The type that a caller gets back.
    type Output: 'static;
}

/// A value that can be sent and stored: anything that is `Serialize + DeserializeOwned + 'static`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent with a call, nor be its result",
    label = "not `Serialize + DeserializeOwned`",
    note = "for a type of yours write `#[derive(serde::Serialize, serde::Deserialize)]`; other crates have a feature `serde`",
    note = "what all calls share, such as a pool of connections, is asked for as `State<T>`"
)]
pub trait Data: Serialize + DeserializeOwned + 'static {}

// With this trait the compiler names the type that is not `Data`, instead of listing types that are `Serialize`.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> Data for T {}

/// An item with the arguments of one call of a task, for `fan_out`.
#[diagnostic::on_unimplemented(
    message = "`{Item}` does not hold the arguments of the task `{Self}`",
    label = "expected a tuple of the arguments of `{Self}`, in order (or the bare value if it has one)",
    note = "`State` and `&Context` are not among them"
)]
pub trait Takes<Item>: Task {
    /// The arguments.
    fn args(item: Item) -> Self::Args;
}

/// The body of a struct task.
///
/// ```ignore
/// #[derive(Task, Serialize, Deserialize)]
/// struct Thumbnail { image: String }
///
/// impl Perform for Thumbnail {
///     type Output = ();
///     type Error = std::io::Error;
///     async fn perform(self, cx: &Context) -> Result<(), std::io::Error> { .. }
/// }
/// ```
pub trait Perform: Task {
    /// The type that a caller gets back.
    type Output: Data + Send;
    /// Any error, or [`Stop`].
    type Error: Into<Stop> + Send;

    /// Runs the call.
    fn perform(self, cx: &Context) -> impl Future<Output = Result<<Self as Perform>::Output, Self::Error>> + Send;
}
