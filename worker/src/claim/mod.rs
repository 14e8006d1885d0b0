//! Claims: requesting them, holding them under a lease, the parcels that this worker is handling, and the parcels that
//! it puts back or refuses.

mod held_claim;
mod lease;
mod own_parcels;
mod put_back;
mod refusal;
mod request;

pub use lease::AFTER_DEADLINE_MS;
pub(crate) use {
    held_claim::{ClaimLost, HeldClaim, keep_new_letters},
    lease::Lease,
    own_parcels::{OwnParcel, OwnParcels},
    put_back::{put_back, put_back_unknown_task},
    refusal::{refusal, refuse},
    request::{follow_claim, request_claims},
};
