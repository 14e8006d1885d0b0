//! The ways in which a task ends without success.

use std::time::Duration;

use crate::ports::BoxError;

/// Decides the fate of a call that did not succeed. `?` turns any error into `Stop::Retry`. The other ends are returned
/// explicitly: `return Err(Stop::Cancel("no such address".into()))`. Your own error type decides by itself if it
/// implements [`Verdict`](super::Verdict).
///
/// It is deliberately no `std::error::Error`: the verdict is a type, and is not found by downcasting.
#[derive(Debug)]
pub enum Stop {
    /// Try again after the task's back-off, until its retries are used up. Celery: `self.retry()`.
    Retry(BoxError),
    /// Try again after this long instead. Counts as an attempt. Celery: `self.retry(countdown=..)`.
    RetryAfter(Duration, BoxError),
    /// Never try again: the call becomes a dead letter with this reason. Celery: `Reject(requeue=False)`.
    Cancel(String),
    /// Nothing went wrong, but run again later, after this long. Does not count as an attempt. River: `JobSnooze`.
    Snooze(Duration),
}

impl<E: Into<BoxError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Retry(error.into())
    }
}

/// The most sources read of one error: an error that is its own source has no end.
const MAX_SOURCES: usize = 32;

/// An error's text with its sources, as `a: b: c`.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()).take(MAX_SOURCES) {
        let cause_text = cause.to_string();
        // Transparent errors, and errors that print their source themselves, would repeat the text.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
    }
    text
}
