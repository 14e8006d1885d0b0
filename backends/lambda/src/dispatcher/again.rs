//! Sends parcels of a dead-letter queue again if they have only waited. SQS counts every receive, including those of a
//! dispatcher without capacity, so a healthy backlog can end there. These parcels return to their queue and start
//! again, until they become too old, or until that has happened too often.

use celeriac_aws::{Backend, Cause};
use celeriac_core::{
    parcel::Parcel,
    ports::{Delivery, Outgoing, PortError, Ports, Row, RowState, SendError},
    protocol,
};
use futures::future::join_all;

use super::dead::{Buried, Came};

/// How often a parcel is sent again. A healthy backlog needs more than a week for a thousand receives, and a parcel is
/// too old after two. So a parcel that was sent again this often is received by a program that never runs it.
pub(super) const MOST: u32 = 5;

/// How long the count outlives the time at which a parcel becomes too old.
const OUTLIVES_MS: u64 = 2 * 86_400_000;

/// Parcels of a dead-letter queue.
#[derive(Default)]
pub(super) struct Split {
    /// Those that have only waited, and are sent again.
    pub(super) waited: Vec<(Buried, Parcel)>,
    /// Those that must be ended.
    pub(super) rest: Vec<(Buried, Parcel)>,
    /// The number of undecided ones, since the ledger did not answer.
    pub(super) unknown: usize,
}

/// Finds the parcels that have only waited.
pub(super) async fn split(ports: &Ports, backend: &Backend, opened: Vec<(Buried, Parcel)>, now_ms: u64) -> Split {
    let (asked, rest): (Vec<_>, Vec<_>) =
        opened.into_iter().partition(|(buried, parcel)| may_have_waited(buried, parcel, now_ms));
    let mut split = Split { rest, ..Split::default() };
    if asked.is_empty() {
        return split;
    }
    match ports.ledger.rows(asked.iter().map(|(_, parcel)| parcel.header.id).collect()).await {
        Ok(rows) => {
            for ((buried, parcel), row) in asked.into_iter().zip(rows) {
                if !never_lost(row.as_ref(), now_ms) {
                    split.rest.push((buried, parcel));
                    continue;
                }
                match backend.resent(parcel.header.id, parcel.header.not_after_ms + OUTLIVES_MS).await {
                    Ok(times) if times <= MOST => split.waited.push((buried, parcel)),
                    Ok(_) => split.rest.push((Buried { came: Came::BuriedAgain, ..buried }, parcel)),
                    Err(error) => {
                        split.unknown += 1;
                        tracing::warn!(%error, "cannot count how often a parcel is sent again; it comes again");
                    }
                }
            }
        }
        Err(error) => {
            split.unknown = asked.len();
            tracing::warn!(%error, parcels = split.unknown, "cannot tell whether parcels have run; they come again");
        }
    }
    split
}

fn may_have_waited(buried: &Buried, parcel: &Parcel, now_ms: u64) -> bool {
    buried.gone.is_none() && !matches!(buried.cause, Cause::Buried(_)) && now_ms < parcel.header.not_after_ms
}

/// Each claim after the first one takes a parcel from a holder who lost it.
fn never_lost(row: Option<&Row>, now_ms: u64) -> bool {
    row.is_none_or(|row| row.state == RowState::Open && row.epoch <= 1 && row.lease_until_ms <= now_ms)
}

/// Sends parcels to their queues, and only then deletes their messages. Between the two there are two copies, which is
/// harmless.
pub(super) async fn send(ports: &Ports, waited: Vec<(Buried, Parcel)>) -> Vec<Result<(), PortError>> {
    if waited.is_empty() {
        return Vec::new();
    }
    let message = |(buried, parcel): &(Buried, Parcel)| {
        Outgoing::of(parcel.header.queue.as_str(), buried.delivery.body.clone(), parcel.header.due_ms)
    };
    let sent = ports.queue.send(waited.iter().map(message).collect()).await;
    delete_sent(ports, waited.iter().map(|(buried, _)| &buried.delivery), sent).await
}

/// Sends parcels to their queues that only a newer program can read, and only then deletes their messages. They wait
/// there, however long the deploy takes.
pub(super) async fn send_newer(ports: &Ports, newer: Vec<Delivery>) -> Vec<Result<(), PortError>> {
    if newer.is_empty() {
        return Vec::new();
    }
    let message = |delivery: &Delivery| {
        let queue = delivery.queue.strip_suffix("-dead").unwrap_or(&delivery.queue);
        Outgoing::of(queue, delivery.body.clone(), 0)
    };
    let sent = ports.queue.send(newer.iter().map(message).collect()).await;
    delete_sent(ports, newer.iter(), sent).await
}

async fn delete_sent(
    ports: &Ports,
    deliveries: impl Iterator<Item = &Delivery>,
    sent: Vec<Result<(), SendError>>,
) -> Vec<Result<(), PortError>> {
    let deletes = deliveries.zip(sent).map(|(delivery, sent)| async move {
        sent?;
        protocol::delete_message(ports, delivery.deleted()).await
    });
    join_all(deletes).await
}
