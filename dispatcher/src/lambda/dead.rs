//! Dead-letter queues: what was received too often, or buried. The calls of a parcel become dead letters, which people
//! can look at, retry and drop; what is no parcel stays where it is.

use std::sync::Arc;

use futures::future::join_all;
use task_core::{
    ports::{
        Claim, ClaimRequest, Claimed, Delivery, Finish, PortError, Ports, Reason, Seal, Settle, Settlement, Settling,
        Takeover,
    },
    protocol,
    wire::Parcel,
};

/// How long a claim lasts that is settled at once.
const LEASE_MS: u64 = 60_000;

/// For how long what cannot be read is hidden: as long as SQS hides a message.
const UNREADABLE_MS: u64 = 12 * 3_600_000;

/// A message of a dead-letter queue.
#[derive(Debug)]
pub(super) struct Buried {
    pub(super) delivery: Delivery,
    /// Why it was buried, if it was.
    pub(super) reason: Option<String>,
}

/// What became of the messages of a dead-letter queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Drained {
    /// Parcels that are done with.
    pub(super) parcels: usize,
    /// Messages that are no parcels, or of a task that this program does not have: they stay.
    pub(super) unreadable: usize,
    /// Parcels that could not be settled now, or that somebody still runs: they come again.
    pub(super) left: usize,
}

/// Makes dead letters of what can be read. Each message that is done with is deleted.
pub(super) async fn drain(ports: &Ports, holder: &Arc<str>, buried: Vec<Buried>) -> Drained {
    let now_ms = ports.clock.now_ms();
    let (mut opened, mut unreadable) = (Vec::new(), Vec::new());
    for buried in buried {
        match Parcel::open(&buried.delivery.body) {
            Ok(parcel) => opened.push((buried, parcel)),
            Err(_) => unreadable.push(hide(&buried.delivery, now_ms + UNREADABLE_MS)),
        }
    }
    let mut drained = Drained { unreadable: unreadable.len(), ..Drained::default() };
    if !unreadable.is_empty() {
        ports.queue.settle(unreadable).await;
    }
    let requests = opened.iter().map(|(_, parcel)| request(parcel, holder, now_ms)).collect::<Vec<_>>();
    let claims = if requests.is_empty() { Vec::new() } else { ports.ledger.claim(requests).await };
    let ends = opened.into_iter().zip(claims).map(|((buried, parcel), claim)| end(ports, buried, parcel, claim));
    for ended in join_all(ends).await {
        match ended {
            Ok(true) => drained.parcels += 1,
            Ok(false) => drained.left += 1,
            Err(error) => {
                drained.left += 1;
                tracing::warn!(%error, "a parcel of a dead-letter queue could not be settled; it comes again");
            }
        }
    }
    drained
}

fn request(parcel: &Parcel, holder: &Arc<str>, now_ms: u64) -> ClaimRequest {
    let header = &parcel.header;
    ClaimRequest {
        parcel: header.id,
        batch: header.batch,
        recorded: header.recorded,
        task: header.task.as_str().into(),
        first: header.first,
        count: header.count,
        holder: Arc::clone(holder),
        now_ms,
        lease_until_ms: now_ms + LEASE_MS,
        // It is not to be run, so it cannot be too old for that.
        not_after_ms: header.not_after_ms.max(now_ms),
        takeover: Takeover::Expired,
    }
}

/// Ends a parcel as its claim says. `false` if somebody still runs it.
async fn end(
    ports: &Ports,
    buried: Buried,
    parcel: Parcel,
    claim: Result<Claim, PortError>,
) -> Result<bool, PortError> {
    let delete = settlement(&buried.delivery, Settle::Delete);
    match claim? {
        Claim::Claimed(claimed) => protocol::settle(ports, refuse(ports, &buried, &parcel, &claimed)).await?,
        Claim::Sealed { epoch, seal } => {
            let finish = Finish { parcel: parcel.header.id, epoch, record: None };
            protocol::finish_sealed(ports, finish, parcel.children(&seal), delete).await?;
        }
        Claim::Finished { owed } => protocol::finished(ports, owed, delete).await?,
        Claim::Busy { until_ms } => {
            ports.queue.settle(vec![hide(&buried.delivery, until_ms.max(ports.clock.now_ms() + 1))]).await;
            return Ok(false);
        }
        Claim::TooOld => return Ok(false),
    }
    Ok(true)
}

fn refuse(ports: &Ports, buried: &Buried, parcel: &Parcel, claimed: &Claimed) -> Settling {
    let Buried { delivery, reason } = buried;
    let message = reason.as_ref().map_or_else(
        || {
            "its message was received as often as its queue allows without being finished, so that SQS put it aside: the \
             log lines of the workers say why; mend that, then retry this dead letter"
                .to_owned()
        },
        |reason| format!("its message was put aside: {reason}"),
    );
    Settling {
        parcel: parcel.header.id,
        epoch: claimed.epoch,
        record: protocol::refuse(parcel, claimed, Reason::Failed, &message, ports.clock.now_ms()),
        seal: Seal::default(),
        children: Vec::new(),
        queue: Arc::clone(&delivery.queue),
        receipt: delivery.receipt.clone(),
    }
}

fn hide(delivery: &Delivery, until_ms: u64) -> Settlement {
    settlement(delivery, Settle::Hide { until_ms })
}

fn settlement(delivery: &Delivery, settle: Settle) -> Settlement {
    Settlement { queue: Arc::clone(&delivery.queue), receipt: delivery.receipt.clone(), settle }
}
