//! The port to dead letters: calls that will not be tried again, kept until someone retries or drops them.

use std::fmt;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::PortError;
use crate::id::{BatchId, TaskId};

/// Why a call will not be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Its last attempt failed, it was cancelled, or it could not be run at all.
    Failed,
    /// Its last attempt ran over its timeout.
    TimedOut,
    /// Its worker died with it, twice.
    Crashed,
    /// It was revoked before it ran.
    Revoked,
    /// It was not started before it expired.
    Expired,
    /// It may or may not have run: the worker died with an `at_most_once` call.
    Unknown,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Failed, Self::TimedOut, Self::Crashed, Self::Revoked, Self::Expired, Self::Unknown];

    /// The reason's stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Crashed => "crashed",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }
}

/// A call that will not be tried again. `Debug` shows the size of its arguments, not the arguments.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The call.
    pub id: TaskId,
    /// Whether its batch counts it.
    pub counted: bool,
    /// Its task.
    pub task: String,
    /// Its queue.
    pub queue: String,
    /// Its arguments, `MessagePack`.
    #[serde(with = "crate::wire::as_bin")]
    pub args: Bytes,
    /// Why.
    pub reason: Reason,
    /// The last error, in full.
    pub message: String,
    /// How many attempts were made.
    pub attempts: u32,
    /// When it died, in milliseconds since 1970.
    pub died_ms: u64,
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, counted, task, queue, args, reason, message, attempts, died_ms } = self;
        f.debug_struct("DeadLetter")
            .field("id", id)
            .field("counted", counted)
            .field("task", task)
            .field("queue", queue)
            .field("args_bytes", &args.len())
            .field("reason", reason)
            .field("message", message)
            .field("attempts", attempts)
            .field("died_ms", died_ms)
            .finish()
    }
}

/// A query for dead letters.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadQuery {
    /// Only of this batch.
    pub batch: Option<BatchId>,
    /// Only of this task.
    pub task: Option<String>,
    /// Only those after this one, ordered by batch and index.
    pub after: Option<TaskId>,
    /// The most to return.
    pub limit: usize,
}

impl DeadQuery {
    /// The first `limit` dead letters, of whichever batch and task.
    pub fn new(limit: usize) -> Self {
        Self { batch: None, task: None, after: None, limit }
    }

    /// Only those of this batch, if one is given.
    #[must_use]
    pub fn batch(mut self, batch: impl Into<Option<BatchId>>) -> Self {
        self.batch = batch.into();
        self
    }

    /// Only those of this task, if one is given.
    #[must_use]
    pub fn task(mut self, task: impl Into<Option<String>>) -> Self {
        self.task = task.into();
        self
    }

    /// Only those that come after this one, if one is given, in the order of batch and index.
    #[must_use]
    pub fn after(mut self, after: impl Into<Option<TaskId>>) -> Self {
        self.after = after.into();
        self
    }
}

/// Why dead letters are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// They were sent again: their batch counts their calls as not ended.
    Retried,
    /// They were given up: their batch counts their calls as dead.
    Dropped,
}

impl Removal {
    /// Its stable name in a call's history.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retried => "retried",
            Self::Dropped => "dropped",
        }
    }
}

/// The store of dead letters. The ledger writes them together with the verdict.
pub trait DeadLetters: Send + Sync + 'static {
    /// The dead letters that match, ordered by batch and index.
    fn list(&self, query: DeadQuery) -> BoxFuture<'_, Result<Vec<DeadLetter>, PortError>>;

    /// One dead letter.
    fn get(&self, id: TaskId) -> BoxFuture<'_, Result<Option<DeadLetter>, PortError>>;

    /// Removes dead letters, each by its id and time of death, so that a letter of a later death stays. Returns how
    /// many were removed. For each, the reason stays as an entry in the call's history: its kind is the removal's name
    /// and its time is that of the death. Without the entry, the call's fate would be unknown.
    fn remove(&self, letters: Vec<(TaskId, u64)>, removal: Removal) -> BoxFuture<'_, Result<u64, PortError>>;
}
