//! A program as a Lambda function: the loop that dispatcher and worker have in common, and what they are told and say.

mod error;
mod request;
mod serve;

use futures::future::BoxFuture;

pub use error::HandlerError;
pub use request::Request;
pub use serve::serve;

use celeriac_aws::Answer;

/// What a function does about its events.
pub trait Function: Send + Sync + 'static {
    /// Handles an event. The answer to a mapping of a queue says which messages stay; others are answered nothing.
    ///
    /// # Errors
    /// When it is no event for this function, or could not be handled.
    fn handle<'a>(
        &'a self,
        event: &'a str,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Option<Answer>, HandlerError>>;

    /// Whether something goes on that cannot be stopped, so that the process has to end with its answer.
    fn is_worn(&self) -> bool;
}
