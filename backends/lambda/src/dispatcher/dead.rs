//! Dead-letter queues: what was received too often, buried, or could not be sent. A parcel that has only waited is sent
//! again; the calls of the others become dead letters, which people can look at, retry and drop; what is no parcel
//! stays where it is.

use std::sync::Arc;

use celeriac_aws::Cause;
use celeriac_core::{
    parcel::Parcel,
    ports::{Claim, Claimed, Delivery, PortError, Ports, Reason, Seal, Settling},
    protocol::{self, Followed},
    wire::Header,
};
use futures::future::join_all;

use super::again;

/// How long a claim lasts that is settled at once.
const LEASE_MS: u64 = 60_000;

/// For how long what cannot be read is hidden. SQS refuses more than twelve hours since the message was received.
const UNREADABLE_MS: u64 = 11 * 3_600_000;

/// A message of a dead-letter queue.
#[derive(Debug)]
pub(super) struct Buried {
    pub(super) delivery: Delivery,
    /// Why it is there.
    pub(super) cause: Cause,
    /// Why its delivery is but a stub, if the bucket no longer has its parcel.
    pub(super) gone: Option<String>,
}

/// What became of the messages of a dead-letter queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Drained {
    /// Parcels that are done with.
    pub(super) parcels: usize,
    /// Parcels that have only waited, and were sent to their queue again.
    pub(super) again: usize,
    /// Messages that are no parcels, of a task that this program does not have, or whose parcel is lost: they stay.
    pub(super) unreadable: usize,
    /// Parcels that could not be settled now, or that somebody still runs: they come again.
    pub(super) left: usize,
}

/// Sends again what has only waited, and makes dead letters of what else can be read. Each message that is done with is
/// deleted.
pub(super) async fn drain(ports: &Ports, holder: &Arc<str>, buried: Vec<Buried>) -> Drained {
    let now_ms = ports.clock.now_ms();
    let (mut opened, mut unreadable) = (Vec::new(), Vec::new());
    for buried in buried {
        match open(&buried) {
            Some(parcel) => opened.push((buried, parcel)),
            None => unreadable.push(buried.delivery.hidden(now_ms + UNREADABLE_MS)),
        }
    }
    let mut drained = Drained { unreadable: unreadable.len(), ..Drained::default() };
    protocol::put_aside(ports, unreadable).await;
    if let Err(error) = protocol::remove_revived(ports, opened.iter().map(|(_, parcel)| parcel)).await {
        drained.left += opened.len();
        tracing::warn!(%error, "whether calls that were sent again are still dead letters is not known; they come again");
        return drained;
    }
    let again::Split { waited, rest, unknown } = again::split(ports, opened, now_ms).await;
    drained.left += unknown;
    for sent in again::send(ports, waited).await {
        count(&mut drained.again, &mut drained.left, sent.map(|()| true));
    }
    let claims = protocol::claim(ports, rest.iter().map(|(_, parcel)| parcel), holder, now_ms + LEASE_MS).await;
    let ends = rest.into_iter().zip(claims).map(|((buried, parcel), claim)| end(ports, buried, parcel, claim));
    for ended in join_all(ends).await {
        count(&mut drained.parcels, &mut drained.left, ended);
    }
    drained
}

fn count(done: &mut usize, left: &mut usize, ended: Result<bool, PortError>) {
    match ended {
        Ok(true) => *done += 1,
        Ok(false) => *left += 1,
        Err(error) => {
            *left += 1;
            tracing::warn!(%error, "a parcel of a dead-letter queue could not be settled; it comes again");
        }
    }
}

/// Its parcel. Of one that the bucket no longer has, its calls at least, where the stub says which they are.
fn open(buried: &Buried) -> Option<Parcel> {
    let Buried { delivery, gone: Some(why), .. } = buried else { return Parcel::open(&buried.delivery.body).ok() };
    let parcel = Header::peek(&delivery.body).ok().and_then(Parcel::lost);
    if parcel.is_none() {
        tracing::error!(queue = %delivery.queue, "{why}; which calls it has is known from it alone: its message stays");
    }
    parcel
}

/// Ends a parcel as its claim says. `false` if somebody still runs it, or if it cannot be ended.
async fn end(
    ports: &Ports,
    buried: Buried,
    parcel: Parcel,
    claim: Result<Claim, PortError>,
) -> Result<bool, PortError> {
    let claim = claim?;
    if let (Claim::Sealed { .. }, Some(why)) = (&claim, &buried.gone) {
        tracing::error!(queue = %buried.delivery.queue, "{why}; its calls were to go on: its message stays");
        let until_ms = ports.clock.now_ms() + UNREADABLE_MS;
        protocol::put_aside(ports, vec![buried.delivery.hidden(until_ms)]).await;
        return Ok(false);
    }
    match protocol::follow(ports, &parcel, &buried.delivery, claim).await? {
        Followed::Claimed(claimed) => protocol::settle(ports, refuse(ports, &buried, &parcel, &claimed)).await?,
        Followed::Held => return Ok(false),
        Followed::Finished => {}
    }
    Ok(true)
}

fn refuse(ports: &Ports, buried: &Buried, parcel: &Parcel, claimed: &Claimed) -> Settling {
    let now_ms = ports.clock.now_ms();
    Settling {
        parcel: parcel.header.id,
        epoch: claimed.epoch,
        record: protocol::refuse(parcel, claimed, Reason::Failed, &message(buried, claimed), now_ms),
        seal: Seal::default(),
        children: Vec::new(),
        queue: Arc::clone(&buried.delivery.queue),
        receipt: buried.delivery.receipt.clone(),
    }
}

/// What its dead letters say.
fn message(buried: &Buried, claimed: &Claimed) -> String {
    match (&buried.gone, &buried.cause) {
        (Some(why), _) => format!("its arguments are lost: {why}; they are nil here, so that it has to be called anew"),
        (None, Cause::Buried(why)) => format!("its message was put aside: {why}"),
        (None, Cause::Unsent(why)) if claimed.losses == 0 => {
            format!(
                "EventBridge Scheduler could not send its message: {why}; it was found when it was too old to be sent \
                 again: mend that, then retry this dead letter"
            )
        }
        (None, _) if claimed.losses == 0 => {
            "no worker took it before it was too old to run: its message was received as often as its queue allows, and \
             each time there was no room (CELERIAC_CAP), or no worker could be launched, which the log lines of the \
             dispatcher say; mend that, then retry this dead letter"
                .to_owned()
        }
        (None, _) => {
            "its message was received as often as its queue allows without being finished, and workers died with it, or \
             lost it: their log lines say why; mend that, then retry this dead letter"
                .to_owned()
        }
    }
}
