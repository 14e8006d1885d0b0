//! A batch port that keeps no records.

use celeriac_core::{
    id::BatchId,
    ports::{BatchRecord, Batches, NewBatch, Owed, PortError},
};
use futures::future::{BoxFuture, FutureExt as _, ready};

/// Keeps no record of any batch.
pub(crate) struct Unrecorded;

impl Batches for Unrecorded {
    fn open(&self, batch: NewBatch) -> BoxFuture<'_, Result<BatchRecord, PortError>> {
        ready(Ok(batch.record())).boxed()
    }

    fn accepted(&self, _: BatchId, _: u64, _: u64) -> BoxFuture<'_, Result<(), PortError>> {
        ready(Ok(())).boxed()
    }

    fn close(&self, _: BatchId, _: u64) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        ready(Ok(None)).boxed()
    }

    fn revoke(&self, _: BatchId) -> BoxFuture<'_, Result<bool, PortError>> {
        ready(Ok(false)).boxed()
    }

    fn reinstate(&self, _: BatchId) -> BoxFuture<'_, Result<bool, PortError>> {
        ready(Ok(false)).boxed()
    }

    fn get(&self, _: BatchId) -> BoxFuture<'_, Result<Option<BatchRecord>, PortError>> {
        ready(Ok(None)).boxed()
    }

    fn list(&self, _: usize) -> BoxFuture<'_, Result<Vec<BatchRecord>, PortError>> {
        ready(Ok(Vec::new())).boxed()
    }
}
