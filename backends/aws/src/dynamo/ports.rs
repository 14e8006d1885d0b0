//! Implements the ports on the table. Each request is a task of the backend's own runtime.

use std::{future::Future, sync::Arc};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};

use super::{
    memo::Memo,
    table::{Table, WIDTH},
};
use crate::{clients::Clients, objects::Objects, reactor::Reactor};
use celeriac_core::{
    id::{BatchId, ParcelId, TaskId},
    ports::{
        BatchRecord, Batches, Checkpoint, Claim, ClaimRequest, Clock, DeadLetter, DeadLetters, DeadQuery, Entropy,
        Failure, Finish, Ledger, NewBatch, Owed, PortError, Record, Removal, Row, Schedules, Seal,
    },
};

/// The ledger, batch records, dead letters and schedule memory, in the stack's table.
pub(crate) struct Dynamo {
    table: Arc<Table>,
    reactor: Reactor,
}

impl Dynamo {
    /// Large values go to `objects`, if given.
    pub(crate) fn new(
        clients: Arc<Clients>,
        reactor: Reactor,
        objects: Option<Objects>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let name = clients.settings().stack.table();
        let (origins, callbacks, version) = (Memo::new(), Memo::new(), 0.into());
        let table = Table { clients, name, objects, clock, entropy, origins, callbacks, version };
        Self { table: Arc::new(table), reactor }
    }

    fn run<T, F>(&self, work: impl FnOnce(Arc<Table>) -> F) -> BoxFuture<'static, Result<T, PortError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, PortError>> + Send + 'static,
    {
        let (reactor, work) = (self.reactor.clone(), work(Arc::clone(&self.table)));
        async move { reactor.run(work).await }.boxed()
    }

    /// The same, with an answer for each of `count` items.
    fn run_each<T, F>(
        &self,
        count: usize,
        work: impl FnOnce(Arc<Table>) -> F,
    ) -> BoxFuture<'static, Vec<Result<T, PortError>>>
    where
        T: Send + 'static,
        F: Future<Output = Vec<Result<T, PortError>>> + Send + 'static,
    {
        let answers = self.run(|table| work(table).map(Ok));
        answers.map(move |all| all.unwrap_or_else(|error| std::iter::repeat_n(error, count).map(Err).collect())).boxed()
    }
}

impl Ledger for Dynamo {
    fn claim(&self, requests: Vec<ClaimRequest>) -> BoxFuture<'_, Vec<Result<Claim, PortError>>> {
        self.run_each(requests.len(), |table| async move { table.claim_all(requests).await })
    }

    fn checkpoint(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        self.run_each(checkpoints.len(), |table| async move {
            stream::iter(checkpoints).map(|at| table.checkpoint(at)).buffered(WIDTH).collect().await
        })
    }

    fn seal(&self, parcel: ParcelId, epoch: u64, record: Record, seal: Seal) -> BoxFuture<'_, Result<(), PortError>> {
        self.run(|table| async move { table.seal(parcel, epoch, &record, &seal).await })
    }

    fn finish(&self, finish: Finish) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        self.run(|table| async move { table.finish(finish).await })
    }

    fn paid(&self, batch: BatchId) -> BoxFuture<'_, Result<(), PortError>> {
        self.run(|table| async move { table.paid(batch).await })
    }

    fn owed(&self) -> BoxFuture<'_, Result<Vec<Owed>, PortError>> {
        self.run(|table| async move { table.all_owed().await })
    }

    fn rows(&self, parcels: Vec<ParcelId>) -> BoxFuture<'_, Result<Vec<Option<Row>>, PortError>> {
        self.run(|table| async move { table.rows(&parcels).await })
    }

    fn root_of(&self, call: TaskId) -> BoxFuture<'_, Result<Option<Row>, PortError>> {
        self.run(|table| async move { table.root_of(call).await })
    }

    fn result_of(&self, call: TaskId) -> BoxFuture<'_, Result<Option<Bytes>, PortError>> {
        self.run(|table| async move { table.result_of(call).await })
    }

    fn history(&self, call: TaskId) -> BoxFuture<'_, Result<Vec<Failure>, PortError>> {
        self.run(|table| async move { table.history(call).await })
    }
}

impl Batches for Dynamo {
    fn open(&self, batch: NewBatch) -> BoxFuture<'_, Result<BatchRecord, PortError>> {
        self.run(|table| async move { table.open(batch).await })
    }

    fn accepted(&self, id: BatchId, from: u64, upto: u64) -> BoxFuture<'_, Result<(), PortError>> {
        self.run(|table| async move { table.accepted(id, from, upto).await })
    }

    fn close(&self, id: BatchId, now_ms: u64) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        self.run(|table| async move { table.close(id, now_ms).await })
    }

    fn revoke(&self, id: BatchId) -> BoxFuture<'_, Result<bool, PortError>> {
        self.run(|table| async move { table.set_revoked(id, true).await })
    }

    fn reinstate(&self, id: BatchId) -> BoxFuture<'_, Result<bool, PortError>> {
        self.run(|table| async move { table.set_revoked(id, false).await })
    }

    fn get(&self, id: BatchId) -> BoxFuture<'_, Result<Option<BatchRecord>, PortError>> {
        self.run(|table| async move { table.batch(id).await })
    }

    fn list(&self, limit: usize) -> BoxFuture<'_, Result<Vec<BatchRecord>, PortError>> {
        self.run(|table| async move { table.newest(limit).await })
    }
}

impl DeadLetters for Dynamo {
    fn list(&self, query: DeadQuery) -> BoxFuture<'_, Result<Vec<DeadLetter>, PortError>> {
        self.run(|table| async move { table.letters(&query).await })
    }

    fn get(&self, id: TaskId) -> BoxFuture<'_, Result<Option<DeadLetter>, PortError>> {
        self.run(|table| async move { table.dead_letter(id).await })
    }

    fn remove(&self, letters: Vec<(TaskId, u64)>, removal: Removal) -> BoxFuture<'_, Result<u64, PortError>> {
        self.run(|table| async move { table.remove_all(letters, removal).await })
    }
}

impl Schedules for Dynamo {
    fn last(&self, schedule: &str) -> BoxFuture<'_, Result<Option<u64>, PortError>> {
        let schedule = schedule.to_owned();
        self.run(|table| async move { table.last(&schedule).await })
    }

    fn sent(&self, schedule: &str, due_ms: u64) -> BoxFuture<'_, Result<(), PortError>> {
        let schedule = schedule.to_owned();
        self.run(|table| async move { table.sent(&schedule, due_ms).await })
    }
}
