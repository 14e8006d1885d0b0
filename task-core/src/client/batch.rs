//! What `fan_out` answers.

use std::{fmt, marker::PhantomData};

use super::{Client, Error};
use crate::{id::BatchId, ports::BatchRecord};

/// A batch that was accepted.
pub struct Batch<O> {
    client: Client,
    id: BatchId,
    accepted: u64,
    output: PhantomData<fn() -> O>,
}

impl<O> Batch<O> {
    pub(super) fn new(client: Client, id: BatchId, accepted: u64) -> Self {
        Self { client, id, accepted, output: PhantomData }
    }

    /// The batch's id.
    pub fn id(&self) -> BatchId {
        self.id
    }

    /// How many calls were accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// How far it is.
    pub async fn progress(&self) -> Result<Option<BatchRecord>, Error> {
        Ok(self.client.ports().batches.get(self.id).await?)
    }

    /// Revokes it: calls that have not started do not run.
    pub async fn revoke(&self) -> Result<bool, Error> {
        Ok(self.client.ports().batches.revoke(self.id).await?)
    }
}

impl<O> fmt::Debug for Batch<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({})", self.id)
    }
}
