//! Implements the ports on the simulated services.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};

use super::{
    Deed, Service, Write,
    link::{Link, Site, unavailable, unknown},
};
use celeriac_core::{
    id::{BatchId, ParcelId, TaskId},
    ports::{
        Accept, Atomic, BatchRecord, Batches, Checkpoint, Claim, ClaimRequest, DeadLetter, DeadLetters, DeadQuery,
        Delivery, Depth, Failure, Finish, Ledger, NewBatch, Outgoing, Owed, PortError, Queue, Receive, Record, Removal,
        Row, Schedules, Seal, SendError, Settle, Settlement, Settling,
    },
};

/// All ports of one program that lead to services.
pub(super) struct Backend(pub(super) Link);

impl Backend {
    /// Sends a request to the ledger, the most frequent one.
    async fn ledger<T: Send + 'static>(
        &self,
        ask: impl FnMut(&mut Site<'_>) -> T + Send + 'static,
    ) -> Result<T, PortError> {
        self.0.call(Service::Ledger, ask).await
    }

    /// The same for requests that the ledger may refuse.
    async fn ledger_try<T: Send + 'static>(
        &self,
        ask: impl FnMut(&mut Site<'_>) -> Result<T, PortError> + Send + 'static,
    ) -> Result<T, PortError> {
        self.ledger(ask).await?
    }
}

impl Queue for Backend {
    fn send(&self, messages: Vec<Outgoing>) -> BoxFuture<'_, Vec<Result<(), SendError>>> {
        async move {
            let count = messages.len();
            let sent = self.0.call(Service::Queue, move |site| {
                let sent: Vec<_> = messages.iter().map(|message| site.send(message)).collect();
                site.world().wake_receivers();
                sent
            });
            sent.await.unwrap_or_else(|error| vec![Err(error); count]).into_iter().map(|sent| Ok(sent?)).collect()
        }
        .boxed()
    }

    fn receive(&self, request: Receive) -> BoxFuture<'_, Result<Vec<Delivery>, PortError>> {
        async move {
            let clock = &self.0.clock;
            self.0.call(Service::Queue, |_| ()).await?;
            let give_up_us = clock.monotonic_us().saturating_add(request.wait_ms.saturating_mul(1000));
            loop {
                let (deliveries, next_ms, woken) = self.0.at_once(|site| site.take(&request));
                let left_us = give_up_us.saturating_sub(clock.monotonic_us());
                if !deliveries.is_empty() && self.0.loses_answer() {
                    return Err(unknown(Service::Queue));
                }
                if !deliveries.is_empty() || left_us == 0 {
                    return Ok(deliveries);
                }
                // An overlooked message may be found a little later.
                let next_us = next_ms.map_or(u64::MAX, |left_ms| left_ms.saturating_mul(1000).max(10_000));
                tokio::select! {
                    biased;
                    _ = woken => {}
                    () = clock.sleep(Duration::from_micros(left_us.min(next_us))) => {}
                }
            }
        }
        .boxed()
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        async move {
            let count = settlements.len();
            let settled = self.0.call(Service::Queue, move |site| {
                let settled: Vec<_> = settlements.iter().map(|settlement| site.settle_message(settlement)).collect();
                if settlements.iter().any(|settlement| matches!(settlement.settle, Settle::Hide { .. })) {
                    site.world().wake_receivers();
                }
                settled
            });
            settled.await.unwrap_or_else(|error| vec![Err(error); count])
        }
        .boxed()
    }

    fn depths(&self) -> BoxFuture<'_, Result<Vec<Depth>, PortError>> {
        self.0
            .call(Service::Queue, |site| {
                let now_ms = site.now_ms;
                site.store().queues.depths(now_ms)
            })
            .boxed()
    }
}

impl Ledger for Backend {
    fn claim(&self, requests: Vec<ClaimRequest>) -> BoxFuture<'_, Vec<Result<Claim, PortError>>> {
        async move {
            let count = requests.len();
            let claims = self.ledger(move |site| requests.iter().map(|request| site.claim(request)).collect());
            claims.await.unwrap_or_else(|error| vec![Err(error); count])
        }
        .boxed()
    }

    fn checkpoint(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        async move {
            let count = checkpoints.len();
            let written = self.ledger(move |site| checkpoints.iter().map(|at| site.checkpoint(at)).collect());
            written.await.unwrap_or_else(|error| vec![Err(error); count])
        }
        .boxed()
    }

    fn seal(&self, parcel: ParcelId, epoch: u64, record: Record, seal: Seal) -> BoxFuture<'_, Result<(), PortError>> {
        self.ledger_try(move |site| {
            let now_ms = site.now_ms;
            let sealed = site.store().seal(parcel, epoch, &record, &seal, now_ms);
            let error = sealed.as_ref().err();
            let (record, seal) = (Some(&record), Some(&seal));
            site.see(&Deed::Wrote(&Write { what: "seal", parcel, epoch, record, seal, error }));
            sealed
        })
        .boxed()
    }

    fn finish(&self, finish: Finish) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        self.ledger_try(move |site| {
            let now_ms = site.now_ms;
            let finished = site.store().finish(&finish, now_ms);
            let (error, record) = (finished.as_ref().err(), finish.record.as_ref());
            let Finish { parcel, epoch, .. } = finish;
            site.see(&Deed::Wrote(&Write { what: "finish", parcel, epoch, record, seal: None, error }));
            finished
        })
        .boxed()
    }

    fn paid(&self, batch: BatchId) -> BoxFuture<'_, Result<(), PortError>> {
        self.ledger(move |site| {
            site.store().batches.paid(batch);
            site.see(&Deed::Paid(batch));
        })
        .boxed()
    }

    fn owed(&self) -> BoxFuture<'_, Result<Vec<Owed>, PortError>> {
        self.ledger(|site| {
            let now_ms = site.now_ms;
            site.store().batches.owed(now_ms)
        })
        .boxed()
    }

    fn rows(&self, parcels: Vec<ParcelId>) -> BoxFuture<'_, Result<Vec<Option<Row>>, PortError>> {
        self.ledger(move |site| parcels.iter().map(|parcel| site.store().rows.row(*parcel).cloned()).collect()).boxed()
    }

    fn root_of(&self, call: TaskId) -> BoxFuture<'_, Result<Option<Row>, PortError>> {
        self.ledger(move |site| site.store().rows.root_of(call).cloned()).boxed()
    }

    fn result_of(&self, call: TaskId) -> BoxFuture<'_, Result<Option<Bytes>, PortError>> {
        self.ledger(move |site| site.store().rows.result_of(call)).boxed()
    }

    fn history(&self, call: TaskId) -> BoxFuture<'_, Result<Vec<Failure>, PortError>> {
        self.ledger(move |site| site.store().rows.history(call)).boxed()
    }
}

impl Batches for Backend {
    fn open(&self, batch: NewBatch) -> BoxFuture<'_, Result<BatchRecord, PortError>> {
        self.ledger_try(move |site| {
            let id = batch.id;
            let record = site.store().batches.open(batch.clone());
            site.see(&Deed::Opened(id));
            Ok(site.store().batch(id).unwrap_or(record))
        })
        .boxed()
    }

    fn accepted(&self, id: BatchId, from: u64, upto: u64) -> BoxFuture<'_, Result<(), PortError>> {
        self.ledger_try(move |site| {
            let moved = site.store().batches.accepted(id, from, upto);
            if moved.is_ok() {
                site.see(&Deed::Accepted(id, upto));
            }
            moved
        })
        .boxed()
    }

    fn close(&self, id: BatchId, _: u64) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        self.ledger_try(move |site| {
            let now_ms = site.now_ms;
            let closed = site.store().batches.close(id, now_ms);
            site.see(&Deed::Closed(id));
            closed
        })
        .boxed()
    }

    fn revoke(&self, id: BatchId) -> BoxFuture<'_, Result<bool, PortError>> {
        self.ledger(move |site| {
            site.see(&Deed::Revoked(id));
            site.store().batches.set_revoked(id, true)
        })
        .boxed()
    }

    fn reinstate(&self, id: BatchId) -> BoxFuture<'_, Result<bool, PortError>> {
        self.ledger(move |site| {
            site.see(&Deed::Reinstated(id));
            site.store().batches.set_revoked(id, false)
        })
        .boxed()
    }

    fn get(&self, id: BatchId) -> BoxFuture<'_, Result<Option<BatchRecord>, PortError>> {
        self.ledger(move |site| site.store().batch(id)).boxed()
    }

    fn list(&self, limit: usize) -> BoxFuture<'_, Result<Vec<BatchRecord>, PortError>> {
        self.ledger(move |site| {
            let newest = site.store().batches.newest(limit);
            newest.into_iter().filter_map(|id| site.store().batch(id)).collect()
        })
        .boxed()
    }
}

impl DeadLetters for Backend {
    fn list(&self, query: DeadQuery) -> BoxFuture<'_, Result<Vec<DeadLetter>, PortError>> {
        self.ledger(move |site| site.store().letters.list(&query)).boxed()
    }

    fn get(&self, id: TaskId) -> BoxFuture<'_, Result<Option<DeadLetter>, PortError>> {
        self.ledger(move |site| site.store().letters.get(id).cloned()).boxed()
    }

    fn remove(&self, letters: Vec<(TaskId, u64)>, removal: Removal) -> BoxFuture<'_, Result<u64, PortError>> {
        self.ledger(move |site| {
            let now_ms = site.now_ms;
            let mut removed = 0;
            for (id, died_ms) in &letters {
                let is_removed = site.store().remove(*id, *died_ms, removal, now_ms);
                site.see(&Deed::Removed(*id, is_removed));
                removed += u64::from(is_removed);
            }
            removed
        })
        .boxed()
    }
}

impl Schedules for Backend {
    fn last(&self, schedule: &str) -> BoxFuture<'_, Result<Option<u64>, PortError>> {
        let name = schedule.to_owned();
        self.ledger(move |site| site.store().schedules.get(&name).copied()).boxed()
    }

    fn sent(&self, schedule: &str, due_ms: u64) -> BoxFuture<'_, Result<(), PortError>> {
        let name = schedule.to_owned();
        self.ledger(move |site| {
            let last = site.store().schedules.entry(name.clone()).or_default();
            *last = due_ms.max(*last);
        })
        .boxed()
    }
}

impl Atomic for Backend {
    fn accept(&self, accept: Accept) -> BoxFuture<'_, Result<(), SendError>> {
        async move { Ok(self.ledger_try(move |site| site.accept(&accept)).await?) }.boxed()
    }

    fn settle(&self, settling: Settling) -> BoxFuture<'_, Result<(), PortError>> {
        self.ledger_try(move |site| site.settle(&settling)).boxed()
    }
}

/// The received messages, the milliseconds until there are more, and a signal that ends the wait before.
type Taken = (Vec<Delivery>, Option<u64>, tokio::sync::oneshot::Receiver<()>);

impl Site<'_> {
    fn send(&mut self, message: &Outgoing) -> Result<(), PortError> {
        if self.refuses_item() {
            return Err(unavailable(Service::Queue));
        }
        let now_ms = self.now_ms;
        self.store().queues.put(message, now_ms);
        self.see(&Deed::Sent(message));
        Ok(())
    }

    fn take(&mut self, request: &Receive) -> Taken {
        let now_ms = self.now_ms;
        let host = self.host();
        let world = self.world();
        let deliveries = world.store.queues.take(request, now_ms, &world.weather, &mut world.dice);
        let next_ms = world.store.queues.next_ms(request).map(|next_ms| next_ms.saturating_sub(now_ms));
        let woken = world.wait_for_messages(host);
        for delivery in &deliveries {
            self.see(&Deed::Received(delivery));
        }
        (deliveries, next_ms, woken)
    }

    fn settle_message(&mut self, settlement: &Settlement) -> Result<(), PortError> {
        if self.refuses_item() {
            return Err(unavailable(Service::Queue));
        }
        let now_ms = self.now_ms;
        let world = self.world();
        let settled = world.store.queues.settle(settlement, now_ms, &world.weather, &mut world.dice);
        self.see(&Deed::Settled(settlement, &settled));
        // As SQS, which does not say that it deleted nothing.
        if settlement.settle == Settle::Delete && matches!(settled, Err(PortError::Stale)) { Ok(()) } else { settled }
    }

    fn claim(&mut self, request: &ClaimRequest) -> Result<Claim, PortError> {
        if self.refuses_item() {
            return Err(unavailable(Service::Ledger));
        }
        let now_ms = self.now_ms;
        let store = self.store();
        let claim = store.rows.claim(request, &mut store.batches, now_ms);
        self.see(&Deed::Claimed(request, &claim));
        Ok(claim)
    }

    fn checkpoint(&mut self, at: &Checkpoint) -> Result<(), PortError> {
        let (now_ms, sent) = (self.now_ms, self.sent);
        let written = self.store().checkpoint(at, sent, now_ms);
        let (error, record) = (written.as_ref().err(), at.record.as_ref());
        let Checkpoint { parcel, epoch, .. } = *at;
        self.see(&Deed::Wrote(&Write { what: "checkpoint", parcel, epoch, record, seal: None, error }));
        written
    }

    fn accept(&mut self, accept: &Accept) -> Result<(), PortError> {
        let now_ms = self.now_ms;
        if self.store().accept(accept, now_ms)? {
            accept.messages.iter().for_each(|message| self.see(&Deed::Sent(message)));
            self.see(&Deed::Accepted(accept.batch, accept.upto));
            self.world().wake_receivers();
        }
        Ok(())
    }

    fn settle(&mut self, settling: &Settling) -> Result<(), PortError> {
        let now_ms = self.now_ms;
        let settled = self.store().settle(settling, now_ms);
        let Settling { parcel, epoch, ref record, ref seal, ref children, .. } = *settling;
        let (error, record, seal) = (settled.as_ref().err(), Some(record), Some(seal));
        self.see(&Deed::Wrote(&Write { what: "settle", parcel, epoch, record, seal, error }));
        let (sent, owed) = settled?;
        children.iter().filter(|_| sent).for_each(|child| self.see(&Deed::Sent(child)));
        if let Some(owed) = owed {
            self.see(&Deed::Sent(&owed.message));
            self.see(&Deed::Paid(owed.batch));
        }
        let delete = Settlement {
            queue: Arc::clone(&settling.queue),
            receipt: settling.receipt.clone(),
            settle: Settle::Delete,
        };
        // A stale receipt is no error: the next delivery will find the parcel finished.
        let world = self.world();
        let deleted = world.store.queues.settle(&delete, now_ms, &world.weather, &mut world.dice);
        self.see(&Deed::Settled(&delete, &deleted));
        self.world().wake_receivers();
        Ok(())
    }
}
