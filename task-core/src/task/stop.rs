//! What a task says when it does not succeed.

use std::time::Duration;

use crate::ports::BoxError;

/// What becomes of a call that did not succeed. `?` lifts any error to `Stop::Retry`; the other ends are chosen by
/// returning them: `return Err(Stop::Cancel("no such address".into()))`. An error of your own chooses by itself if it
/// implements [`Verdict`](super::Verdict).
///
/// It is no `std::error::Error` on purpose: the verdict is a type, not something found by downcasting.
#[derive(Debug)]
pub enum Stop {
    /// Try again after the task's back-off, until its retries are used up. Celery: `self.retry()`.
    Retry(BoxError),
    /// Try again after this long instead. Counts as an attempt. Celery: `self.retry(countdown=..)`.
    RetryAfter(Duration, BoxError),
    /// Never try again: the call becomes a dead letter with this reason. Celery: `Reject(requeue=False)`.
    Cancel(String),
    /// Not now, and nothing went wrong: run again after this long. Does not count as an attempt. River: `JobSnooze`.
    Snooze(Duration),
}

impl<E: Into<BoxError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Retry(error.into())
    }
}

/// How many sources of an error are read: one that is its own source has no end.
const MAX_SOURCES: usize = 32;

/// An error's text with its sources, as `a: b: c`.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()).take(MAX_SOURCES) {
        let cause_text = cause.to_string();
        // Errors that are transparent, or print their source themselves, would be read twice.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
    }
    text
}
