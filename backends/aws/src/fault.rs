//! Classifies failed requests by what they mean for the caller: whether the request may have happened, and whether a
//! retry may help.

use std::{error::Error, fmt::Display};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Settings;
use celeriac_core::{ports::PortError, task::chain};

/// The services' codes for throttling.
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
    // S3: another write of the same object is in flight.
    "ConditionalRequestConflict",
];

/// The services' codes for missing resources.
const MISSING: [&str; 6] = [
    "ResourceNotFoundException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
    "NoSuchBucket",
    "NoSuchKey",
    "NotFound",
];

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Throttled; it did not happen.
    Throttled,
    /// The resource does not exist.
    Missing,
    /// Access denied: this process has no credentials, or not the right ones.
    Denied,
    /// No region is configured.
    NoRegion,
    /// The request is invalid.
    Invalid,
    /// The request was not sent.
    NotSent,
    /// The service failed. It does not say whether the request happened.
    Failed,
    /// The answer was lost; the request may have happened.
    Unknown,
}

/// A failed request.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// The service's code.
    pub(super) code: String,
    /// The complete text, including its causes.
    pub(super) text: String,
}

impl Fault {
    /// Classifies an SDK's error.
    #[allow(clippy::needless_pass_by_value, reason = "what `map_err` is given")]
    pub(super) fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned();
        let kind = match &error {
            SdkError::ServiceError(answer) => by_code(&code, answer.raw().status().as_u16()),
            SdkError::DispatchFailure(_) if lacks(&error, "signing region") => Kind::NoRegion,
            SdkError::DispatchFailure(failure) if lacks(&error, "credential") || failure.is_user() => Kind::Denied,
            SdkError::DispatchFailure(_) if was_never_connected(&error) => Kind::NotSent,
            SdkError::ConstructionFailure(_) => Kind::Invalid,
            _ => Kind::Unknown,
        };
        let message = error.as_service_error().and_then(ProvideErrorMetadata::message).map(str::to_owned);
        let text = match message {
            Some(message) if !message.is_empty() => format!("{code}: {message}"),
            _ if !code.is_empty() => code.clone(),
            // The SDK's own words for a failure say less than its cause.
            _ => chain(error.source().unwrap_or(&error)),
        };
        Self { kind, code, text }
    }

    /// An item of a batch that the service refused.
    pub(super) fn of_item(code: &str, message: Option<&str>, senders_fault: bool) -> Self {
        let status = if senders_fault { 400 } else { 500 };
        let text = message.map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"));
        Self { kind: by_code(code, status), code: code.to_owned(), text }
    }

    /// Whether the request may have happened.
    pub(super) fn may_have_happened(&self) -> bool {
        matches!(self.kind, Kind::Unknown | Kind::Failed)
    }

    /// Whether a retry may help.
    pub(super) fn passes(&self) -> bool {
        matches!(self.kind, Kind::Throttled | Kind::NotSent | Kind::Failed | Kind::Unknown)
    }

    /// Whether the service's message is about this parameter.
    pub(super) fn is_about(&self, parameter: &str) -> bool {
        self.text.contains(parameter)
    }

    /// The port's error. `what` is the intended action on `resource`, the name of a service and of its resource.
    pub(super) fn port(self, settings: &Settings, what: impl Display, resource: impl Display) -> PortError {
        let stack = &settings.stack;
        let region = settings.region.as_deref().unwrap_or("the region of the environment (AWS_REGION)");
        let hint = match self.kind {
            Kind::Missing => format!(
                "; is stack `{stack}` deployed in {region}? Deploy it, or name another with --store or CELERIAC_STORE"
            ),
            Kind::Denied => hint(&self).unwrap_or_else(|| {
                format!("; stack `{stack}`, {region}: check the credentials of this process and what its role allows")
            }),
            _ => hint(&self).unwrap_or_default(),
        };
        let what = format!("cannot {what}: {resource}: {}{hint}", self.text);
        // The text includes the causes: an error printed with its sources would repeat them.
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

/// The cure, if it does not depend on the stack.
pub(super) fn hint(fault: &Fault) -> Option<String> {
    match fault.kind {
        Kind::Denied => of_a_person(&fault.text),
        Kind::NoRegion => Some("; set AWS_REGION, or a region in the profile that AWS_PROFILE names".to_owned()),
        _ => None,
    }
}

/// The cure, if a person's credentials are missing: the feature of this program that reads them, where the SDK names its
/// own feature for that, or to sign in.
fn of_a_person(text: &str) -> Option<String> {
    if let Some((_, theirs)) = text.split_once("cargo feature(s) enabled: ") {
        let feature = if theirs.starts_with("sso") { "sso" } else { "login" };
        return Some(format!(
            "; build this program with the feature `{feature}` of celeriac, or pass the credentials in variables: `aws \
             configure export-credentials --format env`"
        ));
    }
    let sign_in = if text.contains("SSO token") {
        "aws sso login"
    } else if text.contains("/login/cache/") {
        "aws login"
    } else {
        return None;
    };
    Some(format!("; sign in: `{sign_in}`"))
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

/// Whether the connection failed.
fn was_never_connected(error: &(dyn Error + 'static)) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable, NotFound};
    causes(error).any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let refused = [AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable, NotFound];
        io.is_some_and(|kind| refused.contains(&kind)) || cause.to_string().contains("dns error")
    })
}

/// Whether this was missing before anything could be sent: the SDK has no types for that.
fn lacks(error: &(dyn Error + 'static), what: &str) -> bool {
    causes(error).any(|cause| cause.to_string().contains(what))
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        error.source()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SDK's text for a profile whose credentials it was built without (`ProfileFileError::FeatureNotEnabled`).
    fn error_for(feature: &str) -> String {
        let text = format!(
            "ProfileFile provider could not be built: This behavior requires following cargo feature(s) enabled: {feature}. "
        );
        let fault = Fault { kind: Kind::Denied, code: String::new(), text };
        let settings = Settings::new("shop".parse().expect("a name"));
        fault.port(&settings, "find a queue", "SQS queue `shop-mail`").to_string()
    }

    #[test]
    fn credentials_that_this_program_is_built_without_name_the_feature() {
        for (theirs, ours) in [("sso", "sso"), ("credentials-login", "login")] {
            let hint = format!(
                "; build this program with the feature `{ours}` of celeriac, or pass the credentials in variables: `aws \
                 configure export-credentials --format env`"
            );
            let error = error_for(theirs);
            assert!(error.ends_with(&hint), "{error}");
        }
    }
}
