//! Claims: the lease that bounds one, the claim while it is held, the parcels in this worker's own hands, and what
//! becomes of parcels that are not run.

mod held_claim;
mod lease;
mod own_parcels;
mod put_back;

pub use lease::AFTER_DEADLINE_MS;
pub(crate) use {
    held_claim::{ClaimLost, HeldClaim, keep_new_letters},
    lease::Lease,
    own_parcels::{OwnParcel, OwnParcels},
    put_back::{ledger_down, refusal, refuse, unknown_task},
};
