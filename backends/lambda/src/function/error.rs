//! Why an event was not handled: what the log, and the report of the failed invocation, say.

use lambda_runtime::Diagnostic;

use celeriac_aws::Stack;
use celeriac_core::ports::{BoxError, PortError};

/// Why an event was not handled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// No event for this function.
    #[error(transparent)]
    Event(BoxError),
    /// A queue is mapped to it that it does not serve.
    #[error(
        "this function is mapped to SQS queue `{sqs}`, which is none that it serves of stack `{stack}`: map `{stack}-..` \
         to it, or name another stack with CELERIAC_STORE"
    )]
    Queue {
        /// The SQS queue.
        sqs: String,
        /// The stack.
        stack: Stack,
    },
    /// Its time was over before all parcels were settled.
    #[error(
        "out of time: {parcels} parcels were not settled {left_ms} ms before the function's time limit; they are \
         delivered again"
    )]
    OutOfTime {
        /// How many parcels it had.
        parcels: usize,
        /// How long before the limit.
        left_ms: u64,
    },
    /// The backend failed.
    #[error(transparent)]
    Backend(#[from] PortError),
}

impl HandlerError {
    /// The stable name that Lambda reports it by.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => "Celeriac.UnknownEvent",
            Self::Queue { .. } => "Celeriac.UnknownQueue",
            Self::OutOfTime { .. } => "Celeriac.OutOfTime",
            Self::Backend(_) => "Celeriac.Unavailable",
        }
    }
}

impl From<HandlerError> for Diagnostic {
    fn from(error: HandlerError) -> Self {
        Self { error_type: error.kind().to_owned(), error_message: error.to_string() }
    }
}
