//! Stands in for the ledger until it is there.
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};

use crate::{id::*, ports::*};

pub(super) struct Pending;

fn no<T: Send + 'static>() -> BoxFuture<'static, Result<T, PortError>> {
    std::future::ready(Err(PortError::Refused { what: "no ledger yet".to_owned() })).boxed()
}

impl Ledger for Pending {
    fn claim(&self, requests: Vec<ClaimRequest>) -> BoxFuture<'_, Vec<Result<Claim, PortError>>> {
        let n = requests.len();
        async move { (0..n).map(|_| Err(PortError::Refused { what: "no ledger yet".to_owned() })).collect() }.boxed()
    }
    fn checkpoint(&self, c: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        let n = c.len();
        async move { (0..n).map(|_| Ok(())).collect() }.boxed()
    }
    fn seal(&self, _: ParcelId, _: u64, _: Record, _: Seal) -> BoxFuture<'_, Result<(), PortError>> {
        no()
    }
    fn finish(&self, _: Finish) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        no()
    }
    fn paid(&self, _: BatchId) -> BoxFuture<'_, Result<(), PortError>> {
        no()
    }
    fn owed(&self) -> BoxFuture<'_, Result<Vec<Owed>, PortError>> {
        no()
    }
    fn rows(&self, _: Vec<ParcelId>) -> BoxFuture<'_, Result<Vec<Option<Row>>, PortError>> {
        no()
    }
    fn root_of(&self, _: TaskId) -> BoxFuture<'_, Result<Option<Row>, PortError>> {
        no()
    }
    fn result_of(&self, _: TaskId) -> BoxFuture<'_, Result<Option<Bytes>, PortError>> {
        no()
    }
    fn history(&self, _: TaskId) -> BoxFuture<'_, Result<Vec<Failure>, PortError>> {
        no()
    }
}
impl Batches for Pending {
    fn open(&self, b: NewBatch) -> BoxFuture<'_, Result<BatchRecord, PortError>> {
        let r = BatchRecord {
            id: b.id,
            name: b.name,
            task: b.task,
            created_ms: b.created_ms,
            accepted: 0,
            closed: false,
            revoked: false,
            tally: Tally::default(),
            finished_ms: None,
        };
        std::future::ready(Ok(r)).boxed()
    }
    fn accepted(&self, _: BatchId, _: u64, _: u64) -> BoxFuture<'_, Result<(), PortError>> {
        std::future::ready(Ok(())).boxed()
    }
    fn close(&self, _: BatchId, _: u64) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        std::future::ready(Ok(None)).boxed()
    }
    fn revoke(&self, _: BatchId) -> BoxFuture<'_, Result<bool, PortError>> {
        no()
    }
    fn get(&self, _: BatchId) -> BoxFuture<'_, Result<Option<BatchRecord>, PortError>> {
        no()
    }
    fn list(&self, _: usize) -> BoxFuture<'_, Result<Vec<BatchRecord>, PortError>> {
        no()
    }
}
impl DeadLetters for Pending {
    fn list(&self, _: DeadQuery) -> BoxFuture<'_, Result<Vec<DeadLetter>, PortError>> {
        no()
    }
    fn get(&self, _: TaskId) -> BoxFuture<'_, Result<Option<DeadLetter>, PortError>> {
        no()
    }
    fn remove(&self, _: Vec<(TaskId, u64)>, _: Removal) -> BoxFuture<'_, Result<u64, PortError>> {
        no()
    }
}
impl Schedules for Pending {
    fn last(&self, _: &str) -> BoxFuture<'_, Result<Option<u64>, PortError>> {
        no()
    }
    fn sent(&self, _: &str, _: u64) -> BoxFuture<'_, Result<(), PortError>> {
        no()
    }
}
