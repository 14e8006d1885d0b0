//! Lambda: the Invoke API, and the functions behind it.

mod bootstrap;
mod deployed;
mod environment;
mod function;
mod invoke;

pub use bootstrap::{Bootstrap, ColdStart, cold_start, first_poll};
pub(crate) use deployed::Deployed;
pub use function::{Failure, Function, Runs, Stub};
pub(crate) use invoke::Lambda;
