//! Simulates the ledger and batch records in the table: the requests of each step to DynamoDB, as in
//! `backends/aws/src/dynamo`. `tests/small.rs` compares the sums with the counts of the SDK's meter (docs/aws.md).

use std::{sync::Arc, time::Duration};

use celeriac_core::{
    id::{BatchId, ParcelId},
    ports::{
        BatchRecord, Batches, Checkpoint, Claim, ClaimRequest, Finish, Ledger, NewBatch, Owed, PortError, Record, Seal,
        layers::{BatchesLayer, LedgerLayer},
    },
};
use futures::future::{BoxFuture, FutureExt as _, join_all};

use crate::aws::{Ask, Key, Way};

/// How many items the counters of a batch are spread over (`backends/aws/src/dynamo/keys.rs`).
const COUNTERS: u8 = 16;

/// The billed units of the end of a parcel: its row and a counter in a transaction, which doubles both.
const END_UNITS: f64 = 4.0;

/// The ledger in the table.
pub(crate) struct Table<P: ?Sized> {
    port: Arc<P>,
    way: Way,
}

impl<P: ?Sized> Table<P> {
    pub(crate) fn new(port: Arc<P>, way: Way) -> Self {
        Self { port, way }
    }

    async fn write(&self, operation: &'static str, key: Option<Key>) -> Result<(), PortError> {
        self.way.ask(Ask { operation, units: 1.0, key }).await
    }

    async fn ends(&self, parcel: ParcelId) -> Result<(), PortError> {
        self.way.transact(END_UNITS, Key::Counter(parcel.to_bytes()[15] % COUNTERS)).await
    }
}

impl Table<dyn Ledger> {
    async fn claim_one(&self, request: ClaimRequest) -> Result<Claim, PortError> {
        let ClaimRequest { parcel, batch, first, .. } = request;
        if request.counted && first > 0 && parcel == ParcelId::root(batch, first) {
            self.write("PutItem", None).await?;
        }
        self.write("UpdateItem", None).await?;
        self.port.claim(vec![request]).await.pop().unwrap_or(Ok(Claim::TooOld))
    }
}

impl LedgerLayer for Table<dyn Ledger> {
    fn inner(&self) -> &dyn Ledger {
        &*self.port
    }

    fn claim(&self, requests: Vec<ClaimRequest>) -> BoxFuture<'_, Vec<Result<Claim, PortError>>> {
        async move {
            for request in &requests {
                let mut state = self.way.aws.state();
                state.calls_per_parcel = state.calls_per_parcel.max(request.count);
            }
            // This looks up whether their batch is revoked.
            let ask = Ask { operation: "BatchGetItem", units: 1.0, key: Some(Key::BatchRead) };
            if let Err(error) = self.way.ask(ask).await {
                return requests.iter().map(|_| Err(error.clone())).collect();
            }
            join_all(requests.into_iter().map(|request| self.claim_one(request))).await
        }
        .boxed()
    }

    fn checkpoint(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        async move {
            for _ in &checkpoints {
                if let Err(error) = self.write("UpdateItem", None).await {
                    return checkpoints.iter().map(|_| Err(error.clone())).collect();
                }
            }
            self.port.checkpoint(checkpoints).await
        }
        .boxed()
    }

    fn seal(&self, parcel: ParcelId, epoch: u64, record: Record, seal: Seal) -> BoxFuture<'_, Result<(), PortError>> {
        async move {
            self.ends(parcel).await?;
            self.port.seal(parcel, epoch, record, seal).await
        }
        .boxed()
    }

    fn finish(&self, finish: Finish) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        async move {
            match finish.record {
                Some(_) => self.ends(finish.parcel).await?,
                None => self.write("UpdateItem", None).await?,
            }
            let finished = self.port.finish(finish).await;
            self.way.aws.state().ended = Duration::from_micros(self.way.clock.monotonic_us());
            finished
        }
        .boxed()
    }
}

impl BatchesLayer for Table<dyn Batches> {
    fn inner(&self) -> &dyn Batches {
        &*self.port
    }

    fn open(&self, batch: NewBatch) -> BoxFuture<'_, Result<BatchRecord, PortError>> {
        async move {
            self.way.transact(END_UNITS, Key::Batch).await?;
            self.port.open(batch).await
        }
        .boxed()
    }

    fn accepted(&self, id: BatchId, from: u64, upto: u64) -> BoxFuture<'_, Result<(), PortError>> {
        async move {
            self.write("UpdateItem", Some(Key::Batch)).await?;
            self.port.accepted(id, from, upto).await
        }
        .boxed()
    }

    fn close(&self, id: BatchId, now_ms: u64) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        async move {
            self.write("UpdateItem", Some(Key::Batch)).await?;
            self.port.close(id, now_ms).await
        }
        .boxed()
    }
}
