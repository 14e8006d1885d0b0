//! Drains dead-letter queues: messages that were received too often, buried, or not deliverable. A parcel that has only
//! waited is sent again, and so is one that only a newer program can read. The calls of other parcels become dead letters, which people can read, retry and drop.
//! Messages that are not parcels stay.

use std::sync::Arc;

use celeriac_aws::{Backend, Cause};
use celeriac_core::{
    parcel::Parcel,
    ports::{Claim, Claimed, Delivery, PortError, Ports, Reason},
    protocol::{self, Followed},
    wire::{Header, WireError},
};
use futures::future::join_all;

use super::again;

/// The lease of a claim that is settled at once.
const LEASE_MS: u64 = 60_000;

/// How long unreadable messages are hidden. SQS refuses more than twelve hours since the receipt.
const UNREADABLE_MS: u64 = 11 * 3_600_000;

/// A message of a dead-letter queue.
#[derive(Debug)]
pub(super) struct Buried {
    pub(super) delivery: Delivery,
    /// Why it is there.
    pub(super) cause: Cause,
    /// Why its delivery is only a stub, if the bucket no longer has its parcel.
    pub(super) gone: Option<String>,
    /// How it came here.
    pub(super) came: Came,
}

/// How a parcel came to be ended without a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// By its dead-letter queue.
    Buried,
    /// By its dead-letter queue, after it was sent again as often as that is done.
    BuriedAgain,
    /// By its own queue, when it had become too old to run.
    TooOld,
}

/// The outcome of draining a dead-letter queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Drained {
    /// Parcels that were ended.
    pub(super) parcels: usize,
    /// Parcels that have only waited, among them those that only a newer program can read. They were sent to their queue
    /// again.
    pub(super) again: usize,
    /// Messages that stay: they are no parcels, of an unknown task, or their parcel is lost.
    pub(super) unreadable: usize,
    /// Parcels that could not be settled now, or that are still running: they come again.
    pub(super) left: usize,
}

/// Sends parcels again that have only waited, and turns the calls of others into dead letters. Deletes each message
/// that is done.
pub(super) async fn drain(ports: &Ports, backend: &Backend, holder: &Arc<str>, buried: Vec<Buried>) -> Drained {
    let now_ms = ports.clock.now_ms();
    let (mut opened, mut newer, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for buried in buried {
        match open(&buried) {
            Some(parcel) => opened.push((buried, parcel)),
            None if is_newer(&buried) => newer.push(buried.delivery),
            None => unreadable.push(buried.delivery.hidden(now_ms + UNREADABLE_MS)),
        }
    }
    let mut drained = Drained { unreadable: unreadable.len(), ..Drained::default() };
    protocol::put_aside(ports, unreadable).await;
    for sent in again::send_newer(ports, newer).await {
        count(&mut drained.again, &mut drained.left, sent.map(|()| true));
    }
    if let Err(error) = protocol::remove_revived(ports, opened.iter().map(|(_, parcel)| parcel)).await {
        drained.left += opened.len();
        tracing::warn!(%error, "cannot tell whether retried calls are still dead letters; they come again");
        return drained;
    }
    let again::Split { waited, rest, unknown } = again::split(ports, backend, opened, now_ms).await;
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

/// Whether only a newer program can read it. It has waited for a deploy, or an older program has buried it.
fn is_newer(buried: &Buried) -> bool {
    matches!(Header::peek(&buried.delivery.body), Err(WireError::Newer { .. }))
}

/// Its parcel. If the bucket no longer has it, at least its calls, if the stub says which they are.
fn open(buried: &Buried) -> Option<Parcel> {
    let Buried { delivery, gone: Some(why), .. } = buried else { return Parcel::open(&buried.delivery.body).ok() };
    let parcel = Header::peek(&delivery.body).ok().and_then(Parcel::lost);
    if parcel.is_none() {
        tracing::error!(queue = %delivery.queue, "{why}; only the parcel says which calls it has: its message stays");
    }
    parcel
}

/// Ends a parcel as its claim says. Returns `false` if a worker still runs it, or if it cannot be ended.
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
        Followed::Claimed(claimed) => {
            let why = message(&buried, &claimed);
            let reason = if buried.came == Came::TooOld { Reason::Expired } else { Reason::Failed };
            protocol::end_refused(ports, &buried.delivery, &parcel, &claimed, reason, &why).await?;
        }
        Followed::Held => return Ok(false),
        Followed::Finished => {}
    }
    Ok(true)
}

/// The message of its dead letters.
fn message(buried: &Buried, claimed: &Claimed) -> String {
    match (&buried.gone, &buried.cause) {
        (Some(why), _) => format!("its arguments are lost: {why}; this letter has nil instead, so make a new call"),
        (None, _) if buried.came == Came::TooOld => {
            "no worker ran it before it was too old, 14 days after it was due: workers fail in their set-up, their function \
             may not run (a reserved concurrency of 0), or the cap (CELERIAC_CAP) is always reached: the log of the \
             function and of the dispatcher say which. Mend that, then retry this dead letter"
                .to_owned()
        }
        (None, Cause::Buried(why)) => format!("its message was put aside: {why}"),
        (None, Cause::Unsent(why)) if claimed.losses == 0 => {
            format!(
                "EventBridge Scheduler could not send its message: {why}; when it was found it was too old to be sent \
                 again: fix the cause, then retry this dead letter"
            )
        }
        (None, _) if buried.came == Came::BuriedAgain && claimed.losses == 0 => {
            format!(
                "no worker ever began it: its message was received as often as its queue allows, was sent again {} times, \
                 and came back each time. Workers fail in their set-up, or their function may not run at all (a reserved \
                 concurrency of 0), or the cap (CELERIAC_CAP) is always reached: the log of the function and of the \
                 dispatcher say which. Mend that, then retry this dead letter",
                again::MOST
            )
        }
        (None, _) if claimed.losses == 0 => {
            "no worker took it before it was too old to run: its message was received as often as its queue allows, and \
             each time the cap was reached (CELERIAC_CAP), or no worker could be launched, as the dispatcher's log \
             says; fix the cause, then retry this dead letter"
                .to_owned()
        }
        (None, _) => {
            "its message was received as often as its queue allows without being finished, and workers died with it, or \
             lost it: their log says why; fix the cause, then retry this dead letter"
                .to_owned()
        }
    }
}
