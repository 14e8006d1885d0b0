//! Requests claims from the ledger, and follows its answers.

use std::sync::Arc;

use celeriac_core::{
    parcel::Parcel,
    ports::{Claim, Claimed, Delivery, PortError},
    protocol::{self, Followed, put_aside},
    wire::Header,
};

use super::{Lease, put_back::put_back};
use crate::Worker;

/// Asks the ledger for claims on these parcels, all at once.
pub(crate) async fn request_claims(
    worker: &Worker,
    parcels: &[&Parcel],
    lease: Lease,
    holder: &Arc<str>,
) -> Vec<Result<Claim, PortError>> {
    if parcels.is_empty() {
        return Vec::new();
    }
    if let Err(error) = protocol::remove_revived(worker.ports(), parcels.iter().copied()).await {
        tracing::warn!(%error, "cannot tell whether calls that are sent again are still dead letters");
        return vec![Err(error); parcels.len()];
    }
    protocol::claim(worker.ports(), parcels.iter().copied(), holder, lease.until_ms()).await
}

/// Follows the answer to a claim. Returns `None` if the parcel is not claimed: it is finished, or its message is put
/// back.
pub(crate) async fn follow_claim(
    worker: &Worker,
    delivery: &Delivery,
    parcel: &Parcel,
    claim: Result<Claim, PortError>,
) -> Option<Claimed> {
    let followed = match claim {
        Ok(claim) => protocol::follow(worker.ports(), parcel, delivery, claim).await,
        Err(error) => Err(error),
    };
    match followed {
        Ok(Followed::Claimed(claimed)) => Some(claimed),
        Ok(Followed::Held | Followed::Finished) => None,
        Err(error) => {
            let Header { id, task, .. } = &parcel.header;
            tracing::warn!(parcel = %id, task, %error, "cannot be claimed or finished; putting it back for a while");
            let now_ms = worker.ports().clock.now_ms();
            put_aside(worker.ports(), vec![delivery.settled(put_back(delivery.receives, now_ms))]).await;
            None
        }
    }
}
