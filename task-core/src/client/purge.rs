//! Purges a queue: ends its waiting calls without running them.

use std::sync::Arc;

use futures::future::join_all;

use super::{Client, Error};
use crate::{
    lane::Lane,
    parcel::Parcel,
    ports::{Claim, Delivery, PortError, Ports, Reason, Receive},
    protocol::{self, Followed},
};

/// The most messages to take at a time.
const TAKEN: usize = 64;

/// For how long a message that was taken is hidden, and its parcel claimed.
const LEASE_MS: u64 = 60_000;

/// How long to wait for a first message. SQS asks all of its servers only if it may wait.
const WAIT_MS: u64 = 1_000;

/// The message of the dead letters.
const WHY: &str = "its queue was purged before it ran";

/// The outcome of [`Client::purge`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Purged {
    /// How many calls were ended. Each is a dead letter now.
    pub calls: u64,
    /// How many parcels they were in.
    pub parcels: u64,
    /// How many parcels were left because a worker runs them.
    pub running: u64,
    /// How many messages were left because this version cannot read them.
    pub unreadable: u64,
}

impl Client {
    /// Ends the calls that wait in a queue without running them (Celery: `purge`). Each becomes a dead letter with the
    /// reason [`Reason::Revoked`], its batch counts it, and [`retry_dead`](Client::retry_dead) undoes the purge.
    ///
    /// Parcels that a worker runs, or that wait for their time (`countdown`, retries), are left, as are those that were
    /// sent after the purge began. A call that a worker takes meanwhile may still run.
    ///
    /// # Errors
    /// [`Error::Port`] if the store cannot be reached. What was ended until then stays ended; the rest waits as before.
    pub async fn purge(&self, queue: &str) -> Result<Purged, Error> {
        let ports = self.ports();
        let began_ms = ports.clock.now_ms();
        let holder: Arc<str> = format!("purge-{:016x}", ports.entropy.next_u64()).into();
        let mut purged = Purged::default();
        loop {
            let taken = take(ports, queue).await?;
            let empty = taken.is_empty();
            let mut old = Vec::with_capacity(taken.len());
            let mut aside = Vec::new();
            for delivery in taken {
                match Parcel::open(&delivery.body) {
                    Ok(parcel) if parcel.header.created_ms > began_ms => aside.push(delivery.hidden(began_ms)),
                    Ok(parcel) => old.push((delivery, parcel)),
                    // It stays hidden for a while, so that it is taken once. A worker buries it, or puts it back
                    // for a newer program.
                    Err(_) => purged.unreadable += 1,
                }
            }
            let only_newer = old.is_empty() && !aside.is_empty();
            protocol::put_aside(ports, aside).await;
            if empty || only_newer {
                return Ok(purged);
            }
            end(ports, &holder, old, &mut purged).await?;
        }
    }
}

async fn take(ports: &Ports, queue: &str) -> Result<Vec<Delivery>, PortError> {
    let queues = vec![Arc::from(queue)];
    ports.queue.receive(Receive { queues, lanes: Lane::ALL, max: TAKEN, hide_ms: LEASE_MS, wait_ms: WAIT_MS }).await
}

async fn end(
    ports: &Ports,
    holder: &Arc<str>,
    taken: Vec<(Delivery, Parcel)>,
    purged: &mut Purged,
) -> Result<(), PortError> {
    let parcels = || taken.iter().map(|(_, parcel)| parcel);
    protocol::remove_revived(ports, parcels()).await?;
    let lease_until_ms = ports.clock.now_ms() + LEASE_MS;
    let claims = protocol::claim(ports, parcels(), holder, lease_until_ms).await;
    let ends = taken.iter().zip(claims).map(|((delivery, parcel), claim)| end_one(ports, delivery, parcel, claim));
    for ended in join_all(ends).await {
        match ended? {
            Ended::Now(calls) => {
                purged.calls += calls;
                purged.parcels += 1;
            }
            Ended::Running => purged.running += 1,
            Ended::Before => {}
        }
    }
    Ok(())
}

/// The end of a parcel.
enum Ended {
    /// These calls were ended.
    Now(u64),
    /// A worker runs it.
    Running,
    /// It had ended before.
    Before,
}

async fn end_one(
    ports: &Ports,
    delivery: &Delivery,
    parcel: &Parcel,
    claim: Result<Claim, PortError>,
) -> Result<Ended, PortError> {
    match protocol::follow(ports, parcel, delivery, claim?).await? {
        Followed::Claimed(claimed) => {
            protocol::end_refused(ports, delivery, parcel, &claimed, Reason::Revoked, WHY).await.map(Ended::Now)
        }
        Followed::Held => Ok(Ended::Running),
        Followed::Finished => Ok(Ended::Before),
    }
}
