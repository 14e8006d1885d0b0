//! The request for a parcel that tests of ledgers begin with.

use celeriac_core::{
    id::{BatchId, ParcelId},
    ports::ClaimRequest,
    wire::Header,
};

/// When the lease of a [`claim_request`] ends, from its time on.
pub const LEASE_MS: u64 = 30_000;

/// When the parcel of a [`claim_request`] becomes too old, from its time on: a day.
const KEPT_MS: u64 = 86_400_000;

/// A request to claim the root parcel of `count` calls from `first` on, of a recorded batch. A test that needs another one
/// names what differs: `ClaimRequest { counted: false, ..claim_request(batch, 0, 10, now_ms) }`.
pub fn claim_request(batch: BatchId, first: u64, count: u32, now_ms: u64) -> ClaimRequest {
    let header = Header {
        counted: true,
        count,
        not_after_ms: now_ms + KEPT_MS,
        ..Header::new(ParcelId::root(batch, first), batch, first, "mail.send", "mail")
    };
    ClaimRequest::of(&header, "here", now_ms, now_ms + LEASE_MS)
}
