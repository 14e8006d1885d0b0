//! How an error of the user's says what it means for its call.

use super::Stop;

/// What each case of an error means for a call: for errors of your own, where "try everything again" is not right.
///
/// A task that returns `Result<T, E>` with such an `E` ends by its verdict. Inside the task `?` works as always, so that
/// functions which know nothing of tasks decide by the error that they return.
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
/// In a task that returns `Result<T, Stop>`, `?` on such an error tries again, as on any error: write
/// `.map_err(Verdict::verdict)?` there, or return the error itself.
pub trait Verdict: std::error::Error + Send + Sync + Sized + 'static {
    /// What becomes of the call.
    fn verdict(self) -> Stop;
}

/// What a task function returned. Generated code asks it for [`judged`](Unjudged::judged): the method of this type, if
/// the error has a verdict, goes before that of the trait, which leaves everything as it is.
#[doc(hidden)]
#[derive(Debug)]
pub struct Returned<R>(pub R);

impl<T, E: Verdict> Returned<Result<T, E>> {
    /// With the error's verdict.
    pub fn judged(self) -> Result<T, Stop> {
        self.0.map_err(Verdict::verdict)
    }
}

/// What a task function returned, if no error of it has a verdict.
#[doc(hidden)]
pub trait Unjudged {
    /// What was returned.
    type Returned;

    /// As it was returned.
    fn judged(self) -> Self::Returned;
}

impl<R> Unjudged for Returned<R> {
    type Returned = R;

    fn judged(self) -> R {
        self.0
    }
}
