//! The errors of ports, divided by what the caller should do next.

use std::sync::Arc;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a request to a port failed. Cloned to each item of a batch that failed as a whole.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// The claim was lost: another worker holds the parcel now. Stop working on it; write and send nothing more.
    #[error("the claim on this parcel was lost to a newer one")]
    Fenced,
    /// The receipt is no longer valid: the message was deleted or received again.
    #[error("this delivery of the message is over: it was received again or deleted")]
    Stale,
    /// It did not happen and will not happen: try again later.
    #[error("{what}")]
    Unavailable {
        /// What could not be done, where, and the cure.
        what: String,
        /// The cause.
        #[source]
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
    /// It may have happened: the answer was lost.
    #[error("{what}")]
    Unknown {
        /// What may have been done.
        what: String,
        /// The cause.
        #[source]
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
    /// The store was removed while this process used it: every request fails. End the process, or tell its user; a new
    /// process opens whatever store is there then.
    #[error("{what}")]
    Gone {
        /// What is gone, and the cure.
        what: String,
    },
    /// It can never work: the request or the store is invalid.
    #[error("{what}")]
    Refused {
        /// The fault, where, and the cure.
        what: String,
    },
}

impl PortError {
    /// Whether the same request may succeed later: the store did not do it, or its answer got lost.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Unknown { .. })
    }
}

/// Why a message was not accepted (promise G1).
#[derive(Clone, Debug, thiserror::Error)]
pub enum SendError {
    /// It was not accepted and will not run.
    #[error("rejected: {0}")]
    Rejected(#[source] PortError),
    /// It may have been accepted. Sending the same message again is harmless.
    #[error("unknown whether it was accepted: {0}")]
    Unknown(#[source] PortError),
}

impl SendError {
    /// Whether the same send may succeed later.
    pub fn may_pass(&self) -> bool {
        let (Self::Rejected(error) | Self::Unknown(error)) = self;
        error.may_pass()
    }
}

impl From<PortError> for SendError {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Unknown { .. } => Self::Unknown(error),
            other => Self::Rejected(other),
        }
    }
}

impl From<SendError> for PortError {
    /// What the queue answered: after [`SendError::Unknown`] too, the same message can be sent again.
    fn from(error: SendError) -> Self {
        match error {
            SendError::Rejected(error) | SendError::Unknown(error) => error,
        }
    }
}
