//! Batch records that break a rule.

use std::sync::Arc;

use celeriac_core::{
    id::BatchId,
    ports::{Batches, Owed, PortError, layers::BatchesLayer},
};
use futures::future::{BoxFuture, FutureExt as _, ready};

use super::Mutation;

/// Records of batches that break a rule.
pub(super) struct Twisted {
    pub(super) batches: Arc<dyn Batches>,
    pub(super) mutation: Mutation,
}

impl BatchesLayer for Twisted {
    fn inner(&self) -> &dyn Batches {
        &*self.batches
    }

    fn accepted(&self, id: BatchId, from: u64, upto: u64) -> BoxFuture<'_, Result<(), PortError>> {
        if self.mutation == Mutation::MarkForgotten {
            return ready(Ok(())).boxed();
        }
        self.batches.accepted(id, from, upto)
    }

    fn close(&self, id: BatchId, now_ms: u64) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        match self.mutation {
            Mutation::CloseForgotten => ready(Ok(None)).boxed(),
            Mutation::OwedForgotten => self.batches.close(id, now_ms).map(|closed| closed.map(|_| None)).boxed(),
            _ => self.batches.close(id, now_ms),
        }
    }
}
