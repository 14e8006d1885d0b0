//! Lets a user's error type decide the fate of its call.

use super::Stop;

/// The verdict of each case of an error, for error types of your own where retrying every case would be wrong.
///
/// A task that returns `Result<T, E>` with such an `E` ends with its verdict. Inside the task `?` works as usual, so
/// functions that know nothing about tasks decide by the error they return.
///
/// ```
/// # use std::time::Duration;
/// # use celeriac_core::task::{Stop, Verdict};
/// #[derive(Debug, thiserror::Error)]
/// enum MailError {
///     #[error("no such address")]
///     NoSuchAddress,
///     #[error("the server is busy")]
///     Busy { seconds: u64 },
///     #[error(transparent)]
///     Io(#[from] std::io::Error),
/// }
///
/// impl Verdict for MailError {
///     fn verdict(self) -> Stop {
///         match self {
///             Self::NoSuchAddress => Stop::Cancel(self.to_string()),
///             Self::Busy { seconds } => Stop::RetryAfter(Duration::from_secs(seconds), self.into()),
///             Self::Io(_) => Stop::Retry(self.into()),
///         }
///     }
/// }
/// ```
///
/// In a task that returns `Result<T, Stop>`, `?` on such an error retries, as for any error. Write
/// `.map_err(Verdict::verdict)?` there, or return the error itself.
pub trait Verdict: std::error::Error + Send + Sync + Sized + 'static {
    /// The fate of the call.
    fn verdict(self) -> Stop;
}

/// The value that a task function returned. Generated code calls its [`judged`](Unjudged::judged). If the error has a
/// verdict, the method of this type takes precedence over that of the trait, which changes nothing.
#[doc(hidden)]
#[derive(Debug)]
pub struct Returned<R>(pub R);

impl<T, E: Verdict> Returned<Result<T, E>> {
    /// With the error's verdict.
    pub fn judged(self) -> Result<T, Stop> {
        self.0.map_err(Verdict::verdict)
    }
}

/// The value of a task function whose error has no verdict.
#[doc(hidden)]
pub trait Unjudged {
    /// The type of the value.
    type Returned;

    /// The value, unchanged.
    fn judged(self) -> Self::Returned;
}

impl<R> Unjudged for Returned<R> {
    type Returned = R;

    fn judged(self) -> R {
        self.0
    }
}
