//! Settles a parcel: records its verdicts, sends its children, finishes its row and deletes its message.

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

/// The work that a run leaves to its settlement.
#[derive(Debug)]
pub(crate) struct ToSettle {
    pub(crate) record: Record,
    pub(crate) tally: Tally,
    pub(crate) handed_on: Vec<HandedOn>,
    pub(crate) lease: Lease,
    /// Whether some of the record may have been recorded already.
    pub(crate) unsure: bool,
}

/// Records, seals, sends, finishes and deletes (rule 4). If the backend fails, it tries again until another worker has
/// the parcel, because calls that ran and are not recorded would run again. Returns the number of children.
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
            // A backend with `Atomic`, such as the file's, does all of this in one write.
            protocol::settle(worker.ports(), settling.clone()).await
        };
        let error = match settled.await {
            Ok(()) => return Ok(children),
            Err(error) => error,
        };
        let (parcel, task) = (parcel.header.id, &parcel.header.task);
        if let PortError::Gone { .. } = error {
            // The receive loop logs the reason once, so that each parcel does not.
            tracing::error!(%parcel, task, epoch, "cannot record how its calls ended: the store is gone");
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

/// Keeps other workers from running a parcel that cannot be settled. A full disk may have room for a renewal and
/// nothing else.
async fn renew(worker: &Worker, delivery: &Delivery, parcel: ParcelId, epoch: u64, lease: Lease) {
    let checkpoint = renewal(parcel, epoch, lease, worker.ports().clock.now_ms());
    let hide = put_aside(worker.ports(), vec![delivery.hidden(checkpoint.lease_until_ms)]);
    // The result does not matter: if this fails, the next attempt to settle fails too, or the parcel still belongs to
    // this worker.
    let (_, ()) = join(worker.ports().ledger.checkpoint(vec![checkpoint]), hide).await;
}

fn renewal(parcel: ParcelId, epoch: u64, lease: Lease, now_ms: u64) -> Checkpoint {
    Checkpoint { parcel, epoch, record: None, lease_until_ms: lease.renewed(now_ms), window: None }
}
