//! Ledgers that break a rule.

use std::sync::Arc;

use celeriac_core::{
    bitmap::Bitmap,
    id::{BatchId, ParcelId},
    ports::{
        Checkpoint, Claim, ClaimRequest, Claimed, Finish, Ledger, Owed, PortError, Record, Row, RowState, Seal, Tally,
        layers::LedgerLayer,
    },
};
use futures::future::{BoxFuture, FutureExt as _};

use super::Mutation;

/// A ledger that breaks a rule.
pub(super) struct Twisted {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) mutation: Mutation,
}

impl LedgerLayer for Twisted {
    fn inner(&self) -> &dyn Ledger {
        &*self.ledger
    }

    fn claim(&self, requests: Vec<ClaimRequest>) -> BoxFuture<'_, Vec<Result<Claim, PortError>>> {
        async move {
            let mut requests = requests;
            if self.mutation == Mutation::LeaseCutShort {
                for request in &mut requests {
                    request.lease_until_ms = request.now_ms + 1;
                }
            }
            let claims = self.ledger.claim(requests).await;
            claims.into_iter().map(|claim| self.twist(claim)).collect()
        }
        .boxed()
    }

    fn checkpoint(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        async move {
            let mut twisted = Vec::new();
            let count = checkpoints.len();
            for checkpoint in checkpoints {
                let Checkpoint { parcel, epoch, record, lease_until_ms, window } = checkpoint;
                let epoch = self.epoch(parcel, epoch).await;
                let renews_only = record.is_none() && window.is_none();
                let window = window.filter(|_| self.mutation != Mutation::WindowSkipped);
                let record = record.map(|record| self.record(record));
                if !(renews_only && self.mutation == Mutation::NeverRenewed) {
                    twisted.push(Checkpoint { parcel, epoch, record, lease_until_ms, window });
                }
            }
            let mut written = self.ledger.checkpoint(twisted).await;
            written.resize(count, Ok(()));
            written
        }
        .boxed()
    }

    fn seal(&self, parcel: ParcelId, epoch: u64, record: Record, seal: Seal) -> BoxFuture<'_, Result<(), PortError>> {
        async move {
            if self.mutation == Mutation::SealSkipped {
                return Ok(());
            }
            let epoch = self.epoch(parcel, epoch).await;
            self.ledger.seal(parcel, epoch, self.record(record), self.seal_of(seal)).await
        }
        .boxed()
    }

    fn finish(&self, finish: Finish) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        async move {
            if self.mutation == Mutation::FinishSkipped {
                return Ok(None);
            }
            let Finish { parcel, epoch, record } = finish;
            let epoch = self.epoch(parcel, epoch).await;
            let record = record.map(|record| self.record(record));
            let owed = self.ledger.finish(Finish { parcel, epoch, record }).await?;
            Ok(owed.filter(|_| self.mutation != Mutation::OwedForgotten))
        }
        .boxed()
    }

    fn paid(&self, batch: BatchId) -> BoxFuture<'_, Result<(), PortError>> {
        if self.mutation == Mutation::PaidForgotten {
            return futures::future::ready(Ok(())).boxed();
        }
        self.ledger.paid(batch)
    }

    fn owed(&self) -> BoxFuture<'_, Result<Vec<Owed>, PortError>> {
        if self.mutation == Mutation::OwedForgotten {
            return futures::future::ready(Ok(Vec::new())).boxed();
        }
        self.ledger.owed()
    }
}

impl Twisted {
    fn twist(&self, claim: Result<Claim, PortError>) -> Result<Claim, PortError> {
        let free = |epoch| {
            let (done, tally) = (Bitmap::new(), Tally::default());
            Claim::Claimed(Claimed { epoch, done, tally, losses: 0, window: None, revoked: false })
        };
        Ok(match (self.mutation, claim) {
            (Mutation::BusyIsFinished, Ok(Claim::Busy { .. }))
            | (Mutation::SealedIsFinished, Ok(Claim::Sealed { .. }))
            | (Mutation::OwedForgotten, Ok(Claim::Finished { .. })) => Claim::Finished { owed: None },
            (Mutation::BusyIsClaimed, Ok(Claim::Busy { .. })) | (Mutation::RunsUnguarded, Err(_)) => free(1),
            (Mutation::SealedIsRun, Ok(Claim::Sealed { epoch, .. })) => free(epoch),
            (_, Ok(Claim::Claimed(claimed))) => Claim::Claimed(self.claimed(claimed)),
            (_, claim) => claim?,
        })
    }

    fn claimed(&self, claimed: Claimed) -> Claimed {
        match self.mutation {
            Mutation::DoneForgotten => Claimed { done: Bitmap::new(), tally: Tally::default(), ..claimed },
            Mutation::LossesForgotten => Claimed { losses: 0, window: None, ..claimed },
            Mutation::RevokeIgnored => Claimed { revoked: false, ..claimed },
            _ => claimed,
        }
    }

    /// The epoch to write with.
    async fn epoch(&self, parcel: ParcelId, epoch: u64) -> u64 {
        if self.mutation != Mutation::FenceIgnored {
            return epoch;
        }
        let rows = self.ledger.rows(vec![parcel]).await.unwrap_or_default();
        let open = |row: &Row| row.state == RowState::Open;
        rows.into_iter().flatten().find(open).map_or(epoch, |row| row.epoch)
    }

    fn record(&self, mut record: Record) -> Record {
        match self.mutation {
            Mutation::CountedTwice => record.tally.succeeded *= 2,
            Mutation::LettersLost => record.dead.clear(),
            Mutation::ResultsLost => record.results.clear(),
            Mutation::HistoryLost => record.failures.clear(),
            _ => {}
        }
        record
    }

    fn seal_of(&self, mut seal: Seal) -> Seal {
        let Some(first) = seal.children.first_mut() else { return seal };
        match self.mutation {
            Mutation::SealLosesCall => first.calls = first.calls.iter().skip(1).collect(),
            Mutation::AttemptsForgotten => first.attempt = 1,
            Mutation::SealDoublesCall => {
                let again = first.clone();
                seal.children.push(again);
            }
            _ => {}
        }
        seal
    }
}
