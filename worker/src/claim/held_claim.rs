//! A claim while a run holds it: its lease, and the write in flight. There is at most one write at a time, so writes
//! arrive in order. Every write renews the lease. After a third of the lease, a write also hides the message again.

use std::sync::Arc;

use celeriac_core::{
    backoff::pause_ms,
    id::ParcelId,
    ports::{Checkpoint, Delivery, Ledger, PortError, Ports, Record, Window},
};
use futures::{
    FutureExt as _,
    future::{BoxFuture, join},
};

use super::Lease;
use crate::outcome::Unrecorded;

/// The longest pause between recordings that fail.
const MAX_PAUSE_MS: u64 = 10_000;

/// The claim is lost: the run may not write or send anything any more.
#[derive(Debug)]
pub(crate) struct ClaimLost;

/// A claim while a run holds it.
pub(crate) struct HeldClaim<'a> {
    ports: &'a Ports,
    delivery: &'a Delivery,
    parcel: ParcelId,
    epoch: u64,
    lease: Lease,
    write: Option<Write>,
    /// When the last write started.
    recorded_us: u64,
    /// How many writes in a row have failed.
    failures: u32,
    /// No write starts before this time.
    retry_us: u64,
    /// Whether the last write may have been recorded although it failed.
    unsure: bool,
}

/// A write in flight.
struct Write {
    written: BoxFuture<'static, Result<(), PortError>>,
    until_ms: u64,
    /// When the write started, if it also hides the message.
    hidden_ms: Option<u64>,
}

impl<'a> HeldClaim<'a> {
    pub(crate) fn new(ports: &'a Ports, delivery: &'a Delivery, parcel: ParcelId, epoch: u64, lease: Lease) -> Self {
        let recorded_us = ports.clock.monotonic_us();
        Self {
            ports,
            delivery,
            parcel,
            epoch,
            lease,
            write: None,
            recorded_us,
            failures: 0,
            retry_us: 0,
            unsure: false,
        }
    }

    pub(crate) fn lease(&self) -> Lease {
        self.lease
    }

    /// Whether the lease has ended, so that another worker may hold the parcel.
    pub(crate) fn has_lapsed(&self) -> bool {
        self.ports.clock.now_ms() >= self.lease.until_ms()
    }

    /// Whether a write is in flight.
    pub(crate) fn is_writing(&self) -> bool {
        self.write.is_some()
    }

    /// Whether a write may start now.
    pub(crate) fn may_write(&self, now_us: u64) -> bool {
        !self.is_writing() && now_us >= self.retry_us
    }

    /// Whether a write is due: to renew the lease, or to record verdicts.
    pub(crate) fn is_due(&self, unrecorded: Unrecorded, now_us: u64) -> bool {
        let renews = self.ports.clock.now_ms() >= self.lease.renewal_ms();
        renews || (unrecorded == Unrecorded::Verdicts && now_us >= self.recorded_us + self.checkpoint_us())
    }

    /// When the next write is due.
    pub(crate) fn next_us(&self, unrecorded: Unrecorded, now_us: u64) -> u64 {
        if self.is_writing() {
            return u64::MAX;
        }
        let left_ms = self.lease.renewal_ms().saturating_sub(self.ports.clock.now_ms());
        let renewal_us = now_us.saturating_add(left_ms.saturating_mul(1000));
        let recording_us =
            if unrecorded == Unrecorded::Verdicts { self.recorded_us + self.checkpoint_us() } else { u64::MAX };
        renewal_us.min(recording_us).max(self.retry_us)
    }

    /// How often new verdicts are recorded.
    pub(crate) fn checkpoint_us(&self) -> u64 {
        self.ports.profile.checkpoint_ms * 1000
    }

    /// Starts a write: it records verdicts, marks a window, or only renews the lease.
    pub(crate) fn write(&mut self, record: Option<Record>, window: Option<Window>, now_us: u64) {
        let now_ms = self.ports.clock.now_ms();
        let (ledger, queue) = (Arc::clone(&self.ports.ledger), Arc::clone(&self.ports.queue));
        let until_ms = self.lease.renewed(now_ms);
        let (parcel, epoch) = (self.parcel, self.epoch);
        let checkpoint = Checkpoint { parcel, epoch, record, lease_until_ms: until_ms, window };
        let hidden_ms = (now_ms >= self.lease.renewal_ms()).then_some(now_ms);
        let hide = hidden_ms.map(|_| self.delivery.hidden(until_ms));
        let unsure = self.unsure;
        let written = async move {
            let hide = async {
                if let Some(hide) = hide {
                    // If hiding fails, the message is delivered again, and its claim finds this one.
                    queue.settle(vec![hide]).await;
                }
            };
            let record = async {
                let mut checkpoint = checkpoint;
                if let (true, Some(record)) = (unsure, &mut checkpoint.record) {
                    let renewal = Checkpoint { parcel, epoch, record: None, lease_until_ms: until_ms, window: None };
                    keep_new_letters(&*ledger, renewal, record).await?;
                }
                ledger.checkpoint(vec![checkpoint]).await.into_iter().collect()
            };
            let (recorded, ()) = join(record, hide).await;
            recorded
        };
        self.recorded_us = now_us;
        self.write = Some(Write { written: written.boxed(), until_ms, hidden_ms });
    }

    /// Whether a failed write may have recorded some of what the next write contains.
    pub(crate) fn is_unsure(&self) -> bool {
        self.unsure
    }

    /// Waits for the answer to the write in flight.
    pub(crate) async fn written(&mut self) -> Result<(), PortError> {
        match &mut self.write {
            Some(write) => (&mut write.written).await,
            None => std::future::pending().await,
        }
    }

    /// Handles the answer to a write. Returns `false` if the write has to be repeated.
    pub(crate) fn on_written(&mut self, written: Result<(), PortError>) -> Result<bool, ClaimLost> {
        let write = self.write.take();
        let parcel = self.parcel;
        match written {
            Ok(()) => {
                if let Some(write) = write {
                    self.lease.renew(write.until_ms);
                    write.hidden_ms.into_iter().for_each(|now_ms| self.lease.hide(now_ms));
                }
                (self.failures, self.retry_us, self.unsure) = (0, 0, false);
                Ok(true)
            }
            Err(PortError::Gone { .. }) => {
                // The receive loop logs the reason once, so that each parcel does not.
                tracing::error!(%parcel, epoch = self.epoch, "gave up this parcel: the store is gone");
                Err(ClaimLost)
            }
            Err(error) if error.may_pass() => {
                self.failures += 1;
                self.unsure = true;
                let pause_ms = pause_ms(self.failures, MAX_PAUSE_MS);
                tracing::warn!(%parcel, %error, pause_ms, "cannot record; starting no more calls until that works");
                self.retry_us = self.ports.clock.monotonic_us() + pause_ms * 1000;
                if self.lease.is_over(self.ports.clock.now_ms()) { Err(ClaimLost) } else { Ok(false) }
            }
            Err(error) => {
                tracing::error!(%parcel, epoch = self.epoch, %error, "gave up this parcel");
                Err(ClaimLost)
            }
        }
    }
}

/// Removes from `record` the dead letters that the ledger already has. An earlier write may have recorded them although
/// its answer was lost. Since then, each of these calls may have been retried and its letter removed. A letter written
/// again would then claim that the call is dead. The claim is renewed first: after that, an earlier write that the
/// network still holds back can no longer arrive.
pub(crate) async fn keep_new_letters(
    ledger: &dyn Ledger,
    renewal: Checkpoint,
    record: &mut Record,
) -> Result<(), PortError> {
    if record.dead.is_empty() {
        return Ok(());
    }
    let parcel = renewal.parcel;
    ledger.checkpoint(vec![renewal]).await.into_iter().collect::<Result<(), PortError>>()?;
    if let Some(row) = ledger.rows(vec![parcel]).await?.pop().flatten() {
        record.dead.retain(|(position, _)| !row.done.contains(*position));
    }
    Ok(())
}
