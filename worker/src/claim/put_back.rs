//! Puts back parcels that cannot run now, and decides how long their messages stay hidden.

use std::time::Duration;

use celeriac_core::{
    backoff::{deploy_pause_ms, pause_ms},
    ports::Settle,
    wire::Header,
};

/// The longest time for which a parcel is put back because the ledger cannot be reached.
const MAX_LEDGER_PAUSE_MS: u64 = 60_000;

/// Puts back a parcel that could not be claimed (rule 7). The time grows with each receive.
pub(crate) fn put_back(receives: u32, now_ms: u64) -> Settle {
    Settle::Hide { until_ms: now_ms + pause_ms(receives, MAX_LEDGER_PAUSE_MS) }
}

/// Puts back a parcel whose task this program does not have. Returns `None` once the parcel has waited for `grace`.
pub(crate) fn put_back_unknown_task(header: &Header, receives: u32, now_ms: u64, grace: Duration) -> Option<Settle> {
    let since_ms = header.due_ms.max(header.created_ms);
    let over_ms = since_ms.saturating_add(grace.as_millis() as u64);
    // At most until the end of the grace, so that the parcel waits no longer than that.
    let until_ms = (now_ms + deploy_pause_ms(receives)).min(over_ms);
    (now_ms < over_ms).then_some(Settle::Hide { until_ms })
}
