//! What the end of an attempt means for its call.
//!
//! A call can also die without an [`End`]. `claim/refusal.rs` refuses all calls of a parcel, and `invocation.rs` those
//! of unknown tasks. `outcomes.rs` ends calls that expired before they started, and calls that killed their worker.

use std::time::Duration;

use bytes::Bytes;
use celeriac_core::{
    backoff::backoff,
    ports::Reason,
    task::{TaskDef, duration_text as text},
};

use super::answer::Answer;

/// The longest error message that is kept.
const MAX_MESSAGE_BYTES: usize = 2000;

/// The largest result that is kept. A row of a ledger holds little, and larger results belong in a store.
const MAX_RESULT_BYTES: usize = 256 << 10;

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum End {
    /// Its function returned.
    Returned(Answer),
    /// Code of its task panicked, with this text.
    Panicked(String),
    /// A thread of the worker failed while it ran the call. The call may have run, in part or to its end.
    Broken(&'static str),
    /// Its sequence was taken over just before it started.
    Unstarted,
    /// Its arguments do not fit the task.
    Misfit(String),
    /// It was over its timeout, or over the time left before the deadline.
    TimedOut {
        /// The time it had.
        limit: Duration,
        /// Where it hung.
        hung: Hung,
    },
    /// The worker was stopped, and the call did not end within the grace.
    Interrupted,
}

/// Where a call was when its time was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hung {
    /// It waited at an `.await`.
    Await {
        /// How long ago it was last polled.
        polled: Duration,
    },
    /// One poll of it did not return.
    Poll {
        /// How long that poll has taken so far.
        polling: Duration,
        /// The thread that it blocks.
        thread: std::sync::Arc<str>,
    },
    /// It is a blocking task whose thread has not returned.
    Thread,
    /// It is a blocking task for which no thread was free.
    NoThread,
}

/// What becomes of a call.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It succeeded, with this result.
    Succeeded(Option<Bytes>),
    /// It makes this attempt after a delay.
    Again {
        /// Which attempt.
        attempt: u32,
        /// How long to wait.
        after: Duration,
        /// What went wrong, if something did.
        fault: Option<Fault>,
    },
    /// It becomes a dead letter.
    Dead {
        /// Why.
        reason: Reason,
        /// What went wrong.
        fault: Fault,
    },
}

/// What went wrong in an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The stable name of the kind of failure.
    pub(crate) kind: &'static str,
    /// The text for people.
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: clipped(message.into()) }
    }
}

/// The verdict on attempt `attempt`, which ended like this. `random` gives the bits for the back-off.
pub(crate) fn verdict(end: End, def: &TaskDef, attempt: u32, random: impl FnOnce() -> u64) -> Verdict {
    let retries = def.options.retries;
    let again = |fault, after: Option<Duration>, reason| {
        if attempt <= retries {
            let after = after.unwrap_or_else(|| backoff(def.options.backoff, attempt, random()));
            Verdict::Again { attempt: attempt + 1, after, fault: Some(fault) }
        } else {
            Verdict::Dead { reason, fault }
        }
    };
    match end {
        End::Returned(Answer::Done(None)) => Verdict::Succeeded(None),
        End::Returned(Answer::Done(Some(value))) if value.len() <= MAX_RESULT_BYTES => {
            Verdict::Succeeded(Some(value.into()))
        }
        End::Returned(Answer::Done(Some(value))) => {
            let bytes = value.len();
            let message = format!(
                "ran, but its result has {bytes} bytes, at most {MAX_RESULT_BYTES}: store it elsewhere and return where"
            );
            Verdict::Dead { reason: Reason::Failed, fault: Fault::new("cancel", message) }
        }
        End::Returned(Answer::Failed(fault, after)) => again(fault, after, Reason::Failed),
        End::Returned(Answer::Cancelled(message)) => {
            Verdict::Dead { reason: Reason::Failed, fault: Fault::new("cancel", message) }
        }
        End::Returned(Answer::Snoozed(after)) => Verdict::Again { attempt, after, fault: None },
        End::Unstarted => Verdict::Again { attempt, after: Duration::ZERO, fault: None },
        End::Panicked(message) => again(Fault::new("panic", message), None, Reason::Failed),
        End::Broken(why) => {
            let message = format!("the worker lost it: {why}; what panicked is in the worker's log");
            let fault = Fault::new("worker", message);
            // It may have acted already, and must not act twice.
            if def.options.at_most_once {
                Verdict::Dead { reason: Reason::Unknown, fault }
            } else {
                again(fault, None, Reason::Failed)
            }
        }
        End::Misfit(message) => {
            let message = format!("its arguments are not those of task `{}`: {message}", def.name);
            Verdict::Dead { reason: Reason::Failed, fault: Fault::new("decode", message) }
        }
        End::TimedOut { limit, hung } => {
            let fault = Fault::new("timeout", hung.message(def, limit));
            // It may have acted already, and must not act twice.
            if def.options.at_most_once {
                Verdict::Dead { reason: Reason::TimedOut, fault }
            } else {
                again(fault, None, Reason::TimedOut)
            }
        }
        End::Interrupted => {
            let message = "its worker was stopped, and it did not end within the grace given".to_owned();
            let fault = Fault::new("stop", message);
            if def.options.at_most_once {
                Verdict::Dead { reason: Reason::Unknown, fault }
            } else {
                Verdict::Again { attempt, after: Duration::ZERO, fault: Some(fault) }
            }
        }
    }
}

impl Hung {
    fn message(&self, def: &TaskDef, limit: Duration) -> String {
        let (name, allowed, limit) = (def.name, text(def.options.timeout), text(limit));
        let cut = if limit == allowed {
            format!("task `{name}` did not end within {limit}")
        } else {
            format!(
                "task `{name}` did not end within {limit}, all that was left of its timeout of {allowed} before the invocation's deadline"
            )
        };
        match self {
            Self::Await { polled } => {
                format!("{cut}: pending at an `.await`, last polled {} before", text(*polled))
            }
            Self::Poll { polling, thread } => format!(
                "{cut}: it blocks thread `{thread}` in one poll for {}; an `async` task that has to block should be \
                 a plain `fn`, which runs on a thread of its own",
                text(*polling)
            ),
            Self::Thread => format!("{cut}: blocking, its thread cannot be stopped and is left to itself"),
            Self::NoThread => format!("{cut}: it never started, for blocking calls hold all threads"),
        }
    }
}

fn clipped(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES - "…".len()));
        message.push('…');
    }
    message
}
