//! How a parcel is settled: its verdicts are recorded, its children sent, its row finished and its message deleted.

use std::{sync::Arc, time::Duration};

use celeriac_core::{
    backoff::pause_ms,
    id::ParcelId,
    parcel::Parcel,
    ports::{Checkpoint, Delivery, PortError, Record, Settling, Tally},
    protocol::{self, put_aside},
};
use futures::future::join;

use crate::{
    Worker,
    claim::{ClaimLost, Lease, keep_new_letters},
    outcome::{HandedOn, plan_children},
};

/// The longest pause between attempts to settle.
const MAX_SETTLE_PAUSE_MS: u64 = 5000;

/// What a run leaves to be settled.
#[derive(Debug)]
pub(crate) struct ToSettle {
    pub(crate) record: Record,
    pub(crate) tally: Tally,
    pub(crate) handed_on: Vec<HandedOn>,
    pub(crate) lease: Lease,
    /// Whether the record may have been recorded in part.
    pub(crate) unsure: bool,
}

/// Records, seals, sends, finishes and deletes (rule 4); again while the backend cannot, until somebody else has the
/// parcel: what has run and is not recorded would run again. Answers how many children there were.
pub(crate) async fn settle(
    worker: &Worker,
    delivery: &Delivery,
    parcel: &Parcel,
    epoch: u64,
    to_settle: ToSettle,
) -> Result<usize, ClaimLost> {
    let clock = &worker.ports().clock;
    let seal = plan_children(to_settle.handed_on, clock.now_ms(), worker.ports().profile.gather_ms);
    let mut settling = Settling {
        parcel: parcel.header.id,
        epoch,
        record: to_settle.record,
        children: parcel.children(&seal),
        seal,
        queue: Arc::clone(&delivery.queue),
        receipt: delivery.receipt.clone(),
    };
    let children = settling.children.len();
    let mut unsure = to_settle.unsure;
    for failures in 1.. {
        let settled = async {
            if unsure {
                let renewal = renewal(settling.parcel, epoch, to_settle.lease, clock.now_ms());
                keep_new_letters(&*worker.ports().ledger, renewal, &mut settling.record).await?;
                unsure = false;
            }
            protocol::settle(worker.ports(), settling.clone()).await
        };
        let error = match settled.await {
            Ok(()) => return Ok(children),
            Err(error) => error,
        };
        let (parcel, task) = (parcel.header.id, &parcel.header.task);
        if let PortError::Gone { .. } = error {
            // The loop that receives says why: once, and not for each parcel.
            tracing::error!(%parcel, task, epoch, "how its calls ended is not recorded: the store is gone");
            return Err(ClaimLost);
        }
        let pause_ms = pause_ms(failures, MAX_SETTLE_PAUSE_MS);
        if !error.may_pass() || worker.has_stopped() || to_settle.lease.is_over(clock.now_ms() + pause_ms) {
            tracing::error!(%parcel, task, epoch, %error, "cannot settle; its message will be delivered again");
            return Err(ClaimLost);
        }
        tracing::warn!(%parcel, task, %error, pause_ms, "cannot settle; trying again");
        renew(worker, delivery, parcel, epoch, to_settle.lease).await;
        clock.sleep(Duration::from_millis(pause_ms)).await;
    }
    Err(ClaimLost)
}

/// Keeps others from running what cannot be settled: a full disk may have room for a renewal and for nothing else.
async fn renew(worker: &Worker, delivery: &Delivery, parcel: ParcelId, epoch: u64, lease: Lease) {
    let checkpoint = renewal(parcel, epoch, lease, worker.ports().clock.now_ms());
    let hide = put_aside(worker.ports(), vec![delivery.hidden(checkpoint.lease_until_ms)]);
    // If that fails, so does the next attempt to settle, or the parcel is still ours.
    let (_, ()) = join(worker.ports().ledger.checkpoint(vec![checkpoint]), hide).await;
}

fn renewal(parcel: ParcelId, epoch: u64, lease: Lease, now_ms: u64) -> Checkpoint {
    Checkpoint { parcel, epoch, record: None, lease_until_ms: lease.renewed(now_ms), window: None }
}
