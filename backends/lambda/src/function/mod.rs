//! Runs a program as a Lambda function: the loop that dispatcher and worker share, with requests and errors.

mod error;
mod request;
mod serve;

use futures::future::BoxFuture;

pub use error::HandlerError;
pub use request::Request;
pub use serve::serve;

use celeriac_aws::Answer;

/// The handler of a function's events.
pub trait Function: Send + Sync + 'static {
    /// Handles an event. The answer to a queue's mapping says which messages stay; other events have no answer.
    ///
    /// # Errors
    /// If the event is not for this function, or could not be handled.
    fn handle<'a>(
        &'a self,
        event: &'a str,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Option<Answer>, HandlerError>>;

    /// Whether work continues that cannot be stopped, so that the process must end after its answer.
    fn is_worn(&self) -> bool;
}
