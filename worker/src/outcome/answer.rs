//! What a call returned, as plain data. An error's texts and its `Drop` are user code. They run here, behind a panic
//! guard and on the thread that polls the call, so that they fail or block only that call.

use std::time::Duration;

use celeriac_core::{
    panics::{discard, guard},
    ports::BoxError,
    task::{Ended, Stop, chain},
};

use super::Fault;

/// What a call returned.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It succeeded, with this result.
    Done(Option<Vec<u8>>),
    /// It failed and asks for another attempt: after this long, or after its back-off.
    Failed(Fault, Option<Duration>),
    /// It failed for good, with this reason.
    Cancelled(String),
    /// It asks to run again after this long.
    Snoozed(Duration),
}

impl Answer {
    /// What the function's result means.
    #[inline]
    pub(crate) fn of(ended: Ended) -> Self {
        match ended {
            Ok(value) => Self::Done(value),
            Err(Stop::Retry(error)) => Self::Failed(fault(error), None),
            Err(Stop::RetryAfter(after, error)) => Self::Failed(fault(error), Some(after)),
            Err(Stop::Cancel(message)) => Self::Cancelled(message),
            Err(Stop::Snooze(after)) => Self::Snoozed(after),
        }
    }
}

fn fault(error: BoxError) -> Fault {
    let said = guard(|| chain(error.as_ref()));
    discard(error);
    match said {
        Ok(text) => Fault::new("error", text),
        Err(panic) => Fault::new("panic", format!("failed, and its error {}", panic.during("while it was displayed"))),
    }
}
