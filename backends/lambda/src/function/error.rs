//! Why an event was not handled, for the log and for the report of the failed invocation.

use lambda_runtime::Diagnostic;

use celeriac_aws::Stack;
use celeriac_core::ports::{BoxError, PortError};

/// Why an event was not handled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// The event is not for this function.
    #[error(transparent)]
    Event(BoxError),
    /// A mapping delivers from a queue that it does not serve.
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
    /// Its time ran out before all parcels were settled.
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
    /// The stable name that Lambda reports.
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
