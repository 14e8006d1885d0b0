//! Claims (rule 2): one conditional write for each.

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_dynamodb::types::ReturnValue;
use futures::{StreamExt, stream};

use super::{
    change::Change,
    item::{TTL, bytes, flag, number, seconds, text},
    keys,
    patience::Patience,
    row::{
        ParcelRow, State,
        names::{BATCH, COUNT, COUNTED, EPOCH, FIRST, HOLDER, LEASE, LOSSES, STATE, TOKEN, VERSION},
    },
    table::{Changed, Table, WIDTH},
};
use celeriac_core::{
    id::{BatchId, ParcelId},
    ports::{Claim, ClaimRequest, Claimed, PortError, RowState},
};

/// There is no row, or its holder has lost it.
const FREE: &str = "attribute_not_exists(pk) OR (s = :open AND l <= :now)";

impl Table {
    /// Claims parcels. First reads whether their batches are revoked: a claim that cannot be answered must not be made,
    /// or the next one would count it as lost.
    pub(super) async fn claim_all(self: Arc<Self>, requests: Vec<ClaimRequest>) -> Vec<Result<Claim, PortError>> {
        let counted = requests.iter().filter(|request| request.counted).map(|request| request.batch).collect();
        let revoked = self.revoked(counted).await;
        let claims = requests.into_iter().map(|request| self.claim_with(request, &revoked));
        stream::iter(claims.collect::<Vec<_>>()).buffered(WIDTH).collect().await
    }

    async fn claim_with(
        &self,
        request: ClaimRequest,
        revoked: &Result<BTreeSet<BatchId>, PortError>,
    ) -> Result<Claim, PortError> {
        if !request.counted {
            return self.claim(request).await;
        }
        let revoked = revoked.as_ref().map_err(Clone::clone)?.contains(&request.batch);
        Ok(match self.claim(request).await? {
            Claim::Claimed(claimed) => Claim::Claimed(Claimed { revoked, ..claimed }),
            other => other,
        })
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, PortError> {
        let ClaimRequest { parcel, batch, first, .. } = request;
        if request.now_ms > request.not_after_ms {
            return match self.row(parcel).await? {
                Some(row) if !is_free(&row, &request) => self.taken(row).await,
                _ => Ok(Claim::TooOld),
            };
        }
        if request.counted && first > 0 && parcel == ParcelId::root(batch, first) {
            self.note_root(batch, first, request.kept_until_ms()).await?;
        }
        let token = self.entropy.next_u64();
        match self.claim_for_sure(&request, token).await? {
            Changed::Done(item) => Ok(self.claimed(ParcelRow::read(parcel, &item)?)),
            Changed::Unmet(Some(item)) => {
                let row = ParcelRow::read(parcel, &item)?;
                // The request was repeated because its first answer was lost.
                let is_ours = row.state == State::Open && row.token == token;
                if is_ours { Ok(self.claimed(row)) } else { self.taken(row).await }
            }
            Changed::Unmet(None) => {
                Err(self.unavailable("write", "another claim of the same parcel interfered: try again"))
            }
        }
    }

    /// Repeats the claim, within limits, while its outcome is unknown, since it may hold the parcel.
    async fn claim_for_sure(&self, request: &ClaimRequest, token: u64) -> Result<Changed, PortError> {
        let mut patience = Patience::new(self.entropy.as_ref());
        loop {
            let changed = self.update(change(request, token), ReturnValue::AllNew).await;
            if !matches!(changed, Err(PortError::Unknown { .. })) || !patience.wait().await {
                return changed;
            }
        }
    }

    fn claimed(&self, row: ParcelRow) -> Claim {
        let ParcelRow { row, origin, tally, losses, window, .. } = row;
        self.origins.put(row.parcel, origin);
        Claim::Claimed(Claimed { epoch: row.epoch, done: row.done, tally, losses, window, revoked: false })
    }

    /// The answer about a row that is not free.
    async fn taken(&self, row: ParcelRow) -> Result<Claim, PortError> {
        Ok(match row.row.state {
            RowState::Open => Claim::Busy { until_ms: row.row.lease_until_ms },
            RowState::Sealed(seal) => Claim::Sealed { epoch: row.row.epoch, seal },
            RowState::Finished(_) => Claim::Finished { owed: self.owed_by(row.origin).await? },
        })
    }
}

/// Claims a free row. Writes its constant attributes again, since it is unknown whether the row existed.
fn change(request: &ClaimRequest, token: u64) -> Change {
    Change::of(keys::parcel(request.parcel))
        .given(FREE)
        .with(":open", text(State::Open.as_str()))
        .with(":now", number(request.now_ms))
        .set_once(STATE, text(State::Open.as_str()))
        .count(EPOCH, 1)
        .count(LOSSES, 0)
        .set(LEASE, number(request.lease_until_ms))
        .set(HOLDER, text(request.holder.as_ref()))
        .set(TOKEN, number(token))
        .set(VERSION, number(0))
        .set(BATCH, bytes(request.batch.to_bytes()))
        .set(COUNTED, flag(request.counted))
        .set(FIRST, number(request.first))
        .set(COUNT, number(request.count))
        .set(TTL, seconds(request.kept_until_ms()))
}

fn is_free(row: &ParcelRow, request: &ClaimRequest) -> bool {
    row.state == State::Open && row.row.lease_until_ms <= request.now_ms
}
