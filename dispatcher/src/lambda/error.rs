//! Why an event was not handled: what the log, and the report of the failed invocation, say.

use task_core::{aws::Stack, ports::PortError};

/// Why an event was not handled.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// No event for a dispatcher.
    #[error(
        "this function is invoked with messages of the queues of stack `{stack}`, or with {{\"celeriac\":\"sweep\"}}; this \
         event is neither: {why}"
    )]
    Event {
        /// The stack.
        stack: Stack,
        /// What is wrong with it.
        why: String,
    },
    /// A queue is mapped to it that is not the stack's.
    #[error(
        "this dispatcher is mapped to SQS queue `{sqs}`, which is not of stack `{stack}`: map `{stack}-..` to it, or name \
         another stack with CELERIAC_STACK"
    )]
    Queue {
        /// The SQS queue.
        sqs: String,
        /// The stack.
        stack: Stack,
    },
    /// The backend failed.
    #[error(transparent)]
    Backend(#[from] PortError),
}

impl HandlerError {
    /// The stable name that Lambda reports it by.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Event { .. } => "Celeriac.UnknownEvent",
            Self::Queue { .. } => "Celeriac.UnknownQueue",
            Self::Backend(_) => "Celeriac.Unavailable",
        }
    }
}

impl From<HandlerError> for lambda_runtime::Diagnostic {
    fn from(error: HandlerError) -> Self {
        Self { error_type: error.kind().to_owned(), error_message: error.to_string() }
    }
}
