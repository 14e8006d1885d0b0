//! Parcels that cannot be run now, or not at all: put back for later, buried, or turned into dead letters.

use std::time::Duration;

use celeriac_core::{
    parcel::Parcel,
    ports::{Claimed, Reason, Settle},
    protocol,
    wire::Header,
};

use super::Lease;
use crate::{WorkerError, execution::ToSettle, invocation::MAX_HOPS, outcome::pause_ms};

/// The longest time that a parcel is put back for because the ledger cannot be reached.
const MAX_LEDGER_PAUSE_MS: u64 = 60_000;

/// The longest time that a parcel is put back for because its task is unknown: a deploy takes minutes.
const MAX_DEPLOY_PAUSE_MS: u64 = 5 * 60_000;

/// Puts a parcel back whose claim could not be asked for (rule 7), for longer with each time it was received.
pub(crate) fn ledger_down(receives: u32, now_ms: u64) -> Settle {
    Settle::Hide { until_ms: now_ms + pause_ms(receives, MAX_LEDGER_PAUSE_MS) }
}

/// Puts a parcel back whose task this program does not have, until it has waited for `grace`.
pub(crate) fn unknown_task(header: &Header, receives: u32, now_ms: u64, grace: Duration) -> Option<Settle> {
    let since_ms = header.due_ms.max(header.created_ms);
    let over_ms = since_ms.saturating_add(grace.as_millis() as u64);
    // Not beyond the grace, so that it ends when it says.
    let until_ms = (now_ms + pause_ms(receives, MAX_DEPLOY_PAUSE_MS)).min(over_ms);
    (now_ms < over_ms).then_some(Settle::Hide { until_ms })
}

/// Why no call of a claimed parcel is to run, if so.
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

/// Every call that is not done becomes a dead letter without running.
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
