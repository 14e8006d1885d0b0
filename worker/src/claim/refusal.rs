//! Claimed parcels that must not run at all: their calls become dead letters.

use celeriac_core::{
    parcel::Parcel,
    ports::{Claimed, Reason},
    protocol,
    wire::Header,
};

use super::Lease;
use crate::{WorkerError, invocation::MAX_HOPS, settlement::ToSettle};

/// The reason why no call of a claimed parcel may run, if there is one.
pub(crate) fn refusal(header: &Header, claimed: &Claimed, now_ms: u64) -> Option<(Reason, WorkerError)> {
    if claimed.revoked {
        return Some((Reason::Revoked, WorkerError::Revoked));
    }
    if now_ms > header.not_after_ms {
        let (parcel, task, not_after_ms) = (header.id.to_string(), header.task.clone(), header.not_after_ms);
        return Some((Reason::Expired, WorkerError::TooOld { parcel, task, not_after_ms }));
    }
    if header.hops > MAX_HOPS {
        return Some((Reason::Failed, WorkerError::Hops { task: header.task.clone(), hops: header.hops }));
    }
    match header.expires_ms {
        Some(expires_ms) if header.attempt == 1 && expires_ms <= now_ms && claimed.losses == 0 => {
            Some((Reason::Expired, WorkerError::Expired { expires_ms }))
        }
        _ => None,
    }
}

/// Turns every call that is not done into a dead letter, without running it.
pub(crate) fn refuse(
    parcel: &Parcel,
    claimed: &Claimed,
    (reason, why): &(Reason, WorkerError),
    lease: Lease,
    now_ms: u64,
) -> ToSettle {
    let record = protocol::refuse(parcel, claimed, *reason, &why.to_string(), now_ms);
    ToSettle { tally: record.tally, record, handed_on: Vec::new(), lease, unsure: false }
}
