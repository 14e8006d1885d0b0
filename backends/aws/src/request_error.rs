//! Explains a failed request to a person who deploys a stack. The commands for that send requests which no port has.

use std::error::Error;

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::fault::{Fault, Kind, hint};

/// A request to a service that failed. Its text says why, and what to do if that is known.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}{cure}")]
pub struct RequestError {
    kind: Kind,
    code: String,
    text: String,
    cure: String,
}

impl RequestError {
    /// Explains an SDK's error.
    pub fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let fault = Fault::of(error);
        let cure = match fault.kind {
            Kind::Denied => hint(&fault).unwrap_or_else(|| {
                "; check the credentials of this process (AWS_PROFILE) and what their role allows".to_owned()
            }),
            _ => hint(&fault).unwrap_or_default(),
        };
        let Fault { kind, code, text } = fault;
        Self { kind, code, text, cure }
    }

    /// The service's code; empty if it has not answered.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The text without what to do.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the resource does not exist.
    pub fn is_missing(&self) -> bool {
        self.kind == Kind::Missing
    }

    /// Whether the request was denied, or had no credentials.
    pub fn is_denied(&self) -> bool {
        self.kind == Kind::Denied
    }
}
