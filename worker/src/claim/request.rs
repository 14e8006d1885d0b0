//! Asking the ledger for claims, and following its answers.

use std::sync::Arc;

use celeriac_core::{
    parcel::Parcel,
    ports::{Claim, ClaimRequest, Claimed, Delivery, Finish, PortError},
    protocol::{self, put_aside},
};

use super::{Lease, put_back::put_back};
use crate::Worker;

/// Asks for the claims of these parcels, all at once. Those that are too old to run are claimed all the same, to be
/// refused: their calls end as dead letters, and their batches end.
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
        tracing::warn!(%error, "whether calls that are sent again are still dead letters is not known");
        return vec![Err(error); parcels.len()];
    }
    let now_ms = worker.ports().clock.now_ms();
    let mut requests: Vec<_> = parcels.iter().map(|parcel| request(holder, parcel, lease, now_ms)).collect();
    let mut claims = worker.ports().ledger.claim(requests.clone()).await;
    let old: Vec<usize> = (0..claims.len()).filter(|at| matches!(claims[*at], Ok(Claim::TooOld))).collect();
    if !old.is_empty() {
        for request in &mut requests {
            request.not_after_ms = now_ms;
        }
        let again = worker.ports().ledger.claim(old.iter().map(|at| requests[*at].clone()).collect()).await;
        old.into_iter().zip(again).for_each(|(at, claim)| claims[at] = claim);
    }
    claims
}

fn request(holder: &Arc<str>, parcel: &Parcel, lease: Lease, now_ms: u64) -> ClaimRequest {
    let header = &parcel.header;
    ClaimRequest {
        parcel: header.id,
        batch: header.batch,
        counted: header.counted,
        task: header.task.as_str().into(),
        first: header.first,
        count: header.count,
        holder: Arc::clone(holder),
        now_ms,
        lease_until_ms: lease.until_ms(),
        not_after_ms: header.not_after_ms,
    }
}

/// Follows the answer to a claim. `None` if the parcel is not claimed: then it is finished, or its message is put back.
pub(crate) async fn follow_claim(
    worker: &Worker,
    delivery: &Delivery,
    parcel: &Parcel,
    claim: Result<Claim, PortError>,
) -> Option<Claimed> {
    let now_ms = worker.ports().clock.now_ms();
    let (id, task) = (parcel.header.id, &parcel.header.task);
    let done = match claim {
        Ok(Claim::Claimed(claimed)) => return Some(claimed),
        Ok(Claim::Busy { until_ms }) => {
            put_aside(worker.ports(), vec![delivery.hidden(until_ms.max(now_ms + 1))]).await;
            return None;
        }
        Ok(Claim::TooOld) => {
            let what = format!("parcel {id} is too old for the ledger, whatever it is asked");
            Err(PortError::Unavailable { what, source: None })
        }
        Ok(Claim::Sealed { epoch, seal }) => {
            let finish = Finish { parcel: id, epoch, record: None };
            protocol::finish_sealed(worker.ports(), finish, parcel.children(&seal), delivery.deleted()).await
        }
        Ok(Claim::Finished { owed }) => protocol::finished(worker.ports(), owed, delivery.deleted()).await,
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        tracing::warn!(parcel = %id, task, %error, "cannot be claimed or finished; putting it back for a while");
        put_aside(worker.ports(), vec![delivery.settled(put_back(delivery.receives, now_ms))]).await;
    }
    None
}
