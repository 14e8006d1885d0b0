//! Parcels that cannot be run now: for how long their messages are put back.

use std::time::Duration;

use celeriac_core::{backoff::pause_ms, ports::Settle, wire::Header};

/// The longest time that a parcel is put back for because the ledger cannot be reached.
const MAX_LEDGER_PAUSE_MS: u64 = 60_000;

/// The longest time that a parcel is put back for because its task is unknown: a deploy takes minutes.
const MAX_DEPLOY_PAUSE_MS: u64 = 5 * 60_000;

/// Puts a parcel back whose claim could not be asked for (rule 7), for longer with each time it was received.
pub(crate) fn put_back(receives: u32, now_ms: u64) -> Settle {
    Settle::Hide { until_ms: now_ms + pause_ms(receives, MAX_LEDGER_PAUSE_MS) }
}

/// Puts a parcel back whose task this program does not have, until it has waited for `grace`.
pub(crate) fn put_back_unknown_task(header: &Header, receives: u32, now_ms: u64, grace: Duration) -> Option<Settle> {
    let since_ms = header.due_ms.max(header.created_ms);
    let over_ms = since_ms.saturating_add(grace.as_millis() as u64);
    // Not beyond the grace, so that it ends when it says.
    let until_ms = (now_ms + pause_ms(receives, MAX_DEPLOY_PAUSE_MS)).min(over_ms);
    (now_ms < over_ms).then_some(Settle::Hide { until_ms })
}
