//! The handle that `fan_out` returns: a batch and its progress.

use std::{fmt, marker::PhantomData, time::Duration};

use serde::Serialize;

use super::{Client, Error, Handle, blocking::block_on, handle::Waiting};
use crate::{id::BatchId, ports::BatchRecord};

/// A batch of calls. `O` is what each of them returns.
pub struct Batch<O> {
    client: Client,
    id: BatchId,
    name: String,
    accepted: u64,
    sent: u64,
    output: PhantomData<fn() -> O>,
}

/// The progress of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Progress {
    /// How many calls are accepted. Final once the batch is closed.
    pub total: u64,
    /// Whether its source has been read to the end.
    pub closed: bool,
    /// Whether it was revoked.
    pub revoked: bool,
    /// How many calls have ended, successfully or not.
    pub ended: u64,
    /// How many succeeded.
    pub succeeded: u64,
    /// How many ended without success: failed, timed out, crashed, revoked, expired, unknown. Each is a dead letter.
    pub dead: u64,
    /// How many attempts failed and were retried.
    pub retries: u64,
    /// When the batch was created, in milliseconds since 1970.
    pub created_ms: u64,
    /// When the last call ended, in milliseconds since 1970.
    pub finished_ms: Option<u64>,
}

impl Progress {
    /// Whether the batch is closed and all its calls have ended.
    pub fn is_complete(&self) -> bool {
        self.closed && self.ended >= self.total
    }
}

impl From<&BatchRecord> for Progress {
    fn from(record: &BatchRecord) -> Self {
        Self {
            total: record.accepted,
            closed: record.closed,
            revoked: record.revoked,
            ended: record.tally.ended(),
            succeeded: record.tally.succeeded,
            dead: record.tally.dead(),
            retries: record.tally.retries,
            created_ms: record.created_ms,
            finished_ms: record.finished_ms,
        }
    }
}

impl<O> Batch<O> {
    pub(super) fn new(client: Client, id: BatchId, name: String, accepted: u64, sent: u64) -> Self {
        Self { client, id, name, accepted, sent, output: PhantomData }
    }

    /// Its id.
    pub fn id(&self) -> BatchId {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many calls were accepted when this handle was made, including those of earlier runs of the same batch.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// How many of these calls the `fan_out` that returned this handle has sent. It is 0 if the batch of its key was
    /// closed before, and 0 for a batch that was looked up.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The handle of the call at `index`, from 0 in the order of the source.
    pub fn call(&self, index: u64) -> Handle<O> {
        self.client.handle(self.id.call(index))
    }

    /// Reads the batch's progress.
    pub async fn progress(&self) -> Result<Progress, Error> {
        let record = self.client.ports().batches.get(self.id).await?;
        Ok(Progress::from(&record.ok_or(Error::NoBatch { batch: self.id })?))
    }

    /// Revokes the batch: calls that no worker has taken yet become dead letters without running. Celery: `revoke`.
    pub async fn revoke(&self) -> Result<(), Error> {
        let known = self.client.ports().batches.revoke(self.id).await?;
        if known { Ok(()) } else { Err(Error::NoBatch { batch: self.id }) }
    }

    /// Lifts the revocation: calls that a worker takes from now on run. Calls that were already refused stay dead
    /// letters until they are sent again, for example with [`Client::retry_dead`]. Celery has no such option.
    pub async fn reinstate(&self) -> Result<(), Error> {
        let known = self.client.ports().batches.reinstate(self.id).await?;
        if known { Ok(()) } else { Err(Error::NoBatch { batch: self.id }) }
    }

    /// Waits until all its calls have ended, successfully or not, or until the timeout.
    ///
    /// # Errors
    /// [`Error::NotComplete`] at the timeout; the batch continues.
    pub async fn wait(&self, timeout: Duration) -> Result<Progress, Error> {
        let mut waiting = Waiting::new(self.client.ports(), timeout);
        loop {
            let progress = self.progress().await?;
            if progress.is_complete() {
                return Ok(progress);
            }
            if !waiting.pause().await {
                let Progress { ended, total: accepted, .. } = progress;
                let unserved = self.client.unserved();
                return Err(Error::NotComplete { batch: self.id, waited: timeout, ended, accepted, unserved });
            }
        }
    }

    /// Waits as [`wait`](Self::wait) does, from code that is not async: blocks this thread.
    ///
    /// # Errors
    /// Those of [`wait`](Self::wait).
    pub fn blocking_wait(&self, timeout: Duration) -> Result<Progress, Error> {
        block_on(self.wait(timeout))
    }
}

impl<O> Clone for Batch<O> {
    fn clone(&self) -> Self {
        Self::new(self.client.clone(), self.id, self.name.clone(), self.accepted, self.sent)
    }
}

impl<O> fmt::Debug for Batch<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({}, {:?}, {} calls)", self.id, self.name, self.accepted)
    }
}
