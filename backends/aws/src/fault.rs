//! What went wrong with a request, told apart by what it means for whoever asked: whether it may have happened, and
//! whether asking again may help.

use std::{error::Error, fmt::Display};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Settings;
use celeriac_core::{ports::PortError, task::chain};

/// Codes by which the services say that it was too much at once.
const THROTTLES: [&str; 10] = [
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestThrottled",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
    "SlowDown",
    "OverLimit",
    "KmsThrottled",
    // S3: another write of the same object is under way.
    "ConditionalRequestConflict",
];

/// Codes by which they say that something is not there.
const MISSING: [&str; 6] = [
    "ResourceNotFoundException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
    "NoSuchBucket",
    "NoSuchKey",
    "NotFound",
];

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Too much at once; it did not happen.
    Throttled,
    /// The resource is not there.
    Missing,
    /// This process may not; it has no credentials, or not the right ones.
    Denied,
    /// Nobody said where the services are.
    NoRegion,
    /// The request is wrong.
    Invalid,
    /// It did not get there.
    NotSent,
    /// The service failed: it may have happened, but it does not say so.
    Failed,
    /// The answer was lost; it may have happened.
    Unknown,
}

/// What went wrong with a request.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// The service's name for it.
    pub(super) code: String,
    /// All that there is to say of it, its causes included.
    text: String,
}

impl Fault {
    /// What an SDK's error means.
    #[allow(clippy::needless_pass_by_value, reason = "what `map_err` is given")]
    pub(super) fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned();
        let kind = match &error {
            SdkError::ServiceError(answer) => by_code(&code, answer.raw().status().as_u16()),
            SdkError::DispatchFailure(_) if lacks(&error, "signing region") => Kind::NoRegion,
            SdkError::DispatchFailure(failure) if lacks(&error, "credentials") || failure.is_user() => Kind::Denied,
            SdkError::DispatchFailure(_) if was_never_connected(&error) => Kind::NotSent,
            SdkError::ConstructionFailure(_) => Kind::Invalid,
            _ => Kind::Unknown,
        };
        let message = error.as_service_error().and_then(ProvideErrorMetadata::message).map(str::to_owned);
        let text = match message {
            Some(message) if !message.is_empty() => format!("{code}: {message}"),
            _ if !code.is_empty() => code.clone(),
            // The SDK's own words for that it failed say less than the cause.
            _ => chain(error.source().unwrap_or(&error)),
        };
        Self { kind, code, text }
    }

    /// One item of a batch that the service refused.
    pub(super) fn of_item(code: &str, message: Option<&str>, senders_fault: bool) -> Self {
        let status = if senders_fault { 400 } else { 500 };
        let text = message.map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"));
        Self { kind: by_code(code, status), code: code.to_owned(), text }
    }

    /// Whether it may have been done.
    pub(super) fn may_have_happened(&self) -> bool {
        matches!(self.kind, Kind::Unknown | Kind::Failed)
    }

    /// Whether asking again may help.
    pub(super) fn passes(&self) -> bool {
        matches!(self.kind, Kind::Throttled | Kind::NotSent | Kind::Failed | Kind::Unknown)
    }

    /// Whether the service says this of a parameter.
    pub(super) fn is_about(&self, parameter: &str) -> bool {
        self.text.contains(parameter)
    }

    /// The error of a port. `what` was to be done with `resource`, a service's name and that of the thing.
    pub(super) fn port(self, settings: &Settings, what: impl Display, resource: impl Display) -> PortError {
        let stack = &settings.stack;
        let region = settings.region.as_deref().unwrap_or("the region of the environment (AWS_REGION)");
        let hint = match self.kind {
            Kind::Missing => format!(
                "; is stack `{stack}` deployed in {region}? Deploy it, or name another with --store or CELERIAC_STORE"
            ),
            Kind::Denied => {
                format!("; stack `{stack}`, {region}: check the credentials of this process and what its role allows")
            }
            Kind::NoRegion => "; set AWS_REGION, or a region in the profile that AWS_PROFILE names".to_owned(),
            _ => String::new(),
        };
        let what = format!("cannot {what}: {resource}: {}{hint}", self.text);
        // The text has it: whoever prints an error with its sources would read it twice.
        let source = None;
        match self.kind {
            Kind::Invalid | Kind::NoRegion => PortError::Refused { what },
            Kind::Unknown => PortError::Unknown { what, source },
            Kind::Throttled | Kind::Missing | Kind::Denied | Kind::NotSent | Kind::Failed => {
                PortError::Unavailable { what, source }
            }
        }
    }
}

fn by_code(code: &str, status: u16) -> Kind {
    match status {
        _ if THROTTLES.contains(&code) => Kind::Throttled,
        _ if MISSING.contains(&code) => Kind::Missing,
        429 | 503 => Kind::Throttled,
        401 | 403 => Kind::Denied,
        404 => Kind::Missing,
        500.. => Kind::Failed,
        _ if code.contains("AccessDenied") || code.contains("Token") || code.contains("Signature") => Kind::Denied,
        _ => Kind::Invalid,
    }
}

/// Whether the connection could not even be made.
fn was_never_connected(error: &(dyn Error + 'static)) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable, NotFound};
    causes(error).any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let refused = [AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable, NotFound];
        io.is_some_and(|kind| refused.contains(&kind)) || cause.to_string().contains("dns error")
    })
}

/// Whether this is what was missing before anything could be sent: the SDK has no types for that.
fn lacks(error: &(dyn Error + 'static), what: &str) -> bool {
    causes(error).any(|cause| cause.to_string().contains(what))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        error.source()
    })
}
