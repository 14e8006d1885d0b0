//! What can go wrong when work is asked for.

use crate::ports::PortError;

/// What can go wrong when work is asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The call was not accepted and will not run (G1).
    #[error("task `{task}`: rejected: {source}")]
    Rejected {
        /// The task.
        task: String,
        /// Why.
        source: PortError,
    },
    /// The arguments cannot be encoded.
    #[error("task `{task}`: its arguments cannot be serialised: {why}")]
    Encode {
        /// The task.
        task: String,
        /// What the serialiser said.
        why: String,
    },
    /// The store did not answer a question.
    #[error(transparent)]
    Port(#[from] PortError),
}
