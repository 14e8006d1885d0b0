//! The simulated ledger's rows, by the rules of the parcel protocol.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{batches::BatchBook, letters::Letters};
use celeriac_core::{
    bitmap::Bitmap,
    id::{BatchId, ParcelId, TaskId},
    ports::{
        Checkpoint, Claim, ClaimRequest, Claimed, Counts, Failure, Finish, PortError, Record, Row, RowState, Seal,
        Tally, Window,
    },
};

/// The rows of parcels, and their records.
#[derive(Debug, Default)]
pub(super) struct Rows {
    parcels: BTreeMap<ParcelId, ParcelRow>,
    roots: BTreeMap<(BatchId, u64), ParcelId>,
    of_batch: BTreeMap<BatchId, Vec<ParcelId>>,
    results: BTreeMap<TaskId, Bytes>,
    failures: BTreeMap<TaskId, Vec<Failure>>,
}

#[derive(Debug)]
struct ParcelRow {
    row: Row,
    batch: BatchId,
    counted: bool,
    losses: u32,
    window: Option<Window>,
    tally: Tally,
    /// The place of the last recording in the order of all requests.
    sent: u64,
    /// Until when the row is kept.
    kept_ms: u64,
}

impl Rows {
    /// Rule 2.
    pub(super) fn claim(&mut self, request: &ClaimRequest, batches: &mut BatchBook, now_ms: u64) -> Claim {
        if let Some(found) = self.parcels.get(&request.parcel) {
            let row = &found.row;
            match &row.state {
                RowState::Finished(_) => return Claim::Finished { owed: batches.hand_out(found.batch, now_ms) },
                RowState::Sealed(seal) => return Claim::Sealed { epoch: row.epoch, seal: seal.clone() },
                RowState::Open => {
                    if row.lease_until_ms > request.now_ms {
                        return Claim::Busy { until_ms: row.lease_until_ms };
                    }
                }
            }
        }
        if request.now_ms > request.not_after_ms {
            return Claim::TooOld;
        }
        let revoked = request.counted && batches.is_revoked(request.batch);
        let row = self.parcels.entry(request.parcel).or_insert_with(|| {
            self.of_batch.entry(request.batch).or_default().push(request.parcel);
            if request.parcel == ParcelId::root(request.batch, request.first) {
                self.roots.insert((request.batch, request.first), request.parcel);
            }
            ParcelRow::new(request)
        });
        let taken = row.row.epoch > 0;
        row.row.epoch += 1;
        row.losses += u32::from(taken);
        row.row.lease_until_ms = request.lease_until_ms;
        row.kept_ms = row.kept_ms.max(request.kept_until_ms());
        request.holder.as_ref().clone_into(&mut row.row.holder);
        Claim::Claimed(Claimed {
            epoch: row.row.epoch,
            done: row.row.done.clone(),
            tally: row.tally,
            losses: row.losses,
            window: row.window.clone(),
            revoked,
        })
    }

    /// Rule 8: removes rows of parcels that have long been too old to run.
    pub(super) fn forget(&mut self, now_ms: u64) -> usize {
        let before = self.parcels.len();
        self.parcels.retain(|_, row| row.kept_ms > now_ms);
        before - self.parcels.len()
    }

    /// Rule 3.
    pub(super) fn checkpoint(&mut self, at: &Checkpoint, sent: u64, letters: &mut Letters) -> Result<(), PortError> {
        let row = self.fenced(at.parcel, at.epoch)?;
        // A delayed request would undo a later write of the same claim.
        if sent < row.sent {
            let what = "the same claim has written later than this".to_owned();
            return Err(PortError::Unavailable { what, source: None });
        }
        row.sent = sent;
        if row.row.state != RowState::Open {
            // A renewal that arrives after the end has nothing to renew.
            return if at.record.is_none() { Ok(()) } else { Err(PortError::Fenced) };
        }
        row.row.lease_until_ms = at.lease_until_ms;
        if let Some(window) = &at.window {
            row.window = Some(window.clone());
        }
        if let Some(record) = &at.record {
            self.record(at.parcel, record, letters);
        }
        Ok(())
    }

    /// Rule 4.
    pub(super) fn seal(
        &mut self,
        parcel: ParcelId,
        epoch: u64,
        record: &Record,
        seal: &Seal,
        letters: &mut Letters,
    ) -> Result<(), PortError> {
        let row = self.fenced(parcel, epoch)?;
        if row.row.state == RowState::Open {
            row.row.state = RowState::Sealed(seal.clone());
            self.record(parcel, record, letters);
        }
        Ok(())
    }

    /// Rule 5. Returns the batch, and the counts to add to it, the first time.
    pub(super) fn finish(
        &mut self,
        finish: &Finish,
        letters: &mut Letters,
    ) -> Result<(BatchId, Option<Counts>), PortError> {
        let row = self.fenced(finish.parcel, finish.epoch)?;
        let batch = row.batch;
        let seal = match &row.row.state {
            RowState::Finished(_) => return Ok((batch, None)),
            RowState::Sealed(seal) => seal.clone(),
            RowState::Open => Seal::default(),
        };
        let was_open = row.row.state == RowState::Open;
        row.row.state = RowState::Finished(seal);
        row.window = None;
        if let (true, Some(record)) = (was_open, &finish.record) {
            self.record(finish.parcel, record, letters);
        }
        let row = self.parcels.get(&finish.parcel).filter(|row| row.counted);
        Ok((batch, row.map(|row| Counts::of(&row.tally))))
    }

    fn fenced(&mut self, parcel: ParcelId, epoch: u64) -> Result<&mut ParcelRow, PortError> {
        self.parcels.get_mut(&parcel).filter(|row| row.row.epoch == epoch).ok_or(PortError::Fenced)
    }

    fn record(&mut self, parcel: ParcelId, record: &Record, letters: &mut Letters) {
        let Some(row) = self.parcels.get_mut(&parcel) else { return };
        (row.row.done, row.tally) = (record.done.clone(), record.tally);
        let batch = row.batch;
        for result in &record.results {
            self.results.insert(batch.call(result.index), result.value.clone());
        }
        for failure in &record.failures {
            self.note(batch.call(failure.index), failure.clone());
        }
        for (_, letter) in &record.dead {
            letters.put(letter.clone());
        }
    }

    /// Writes an entry of a call's history, once.
    pub(super) fn note(&mut self, call: TaskId, failure: Failure) {
        let history = self.failures.entry(call).or_default();
        // A checkpoint whose answer was lost is written again.
        if !history.contains(&failure) {
            history.push(failure);
            history.sort_by_key(|failure| (failure.at_ms, failure.attempt));
        }
    }

    /// A parcel's row.
    pub(super) fn row(&self, parcel: ParcelId) -> Option<&Row> {
        self.parcels.get(&parcel).map(|row| &row.row)
    }

    /// The row of the root parcel that holds a call.
    pub(super) fn root_of(&self, call: TaskId) -> Option<&Row> {
        let before = self.roots.range((call.batch, 0)..=(call.batch, call.index));
        let (_, parcel) = before.last()?;
        self.row(*parcel).filter(|row| call.index < row.first + u64::from(row.count))
    }

    /// The result of a call.
    pub(super) fn result_of(&self, call: TaskId) -> Option<Bytes> {
        self.results.get(&call).cloned()
    }

    /// The failed attempts of a call.
    pub(super) fn history(&self, call: TaskId) -> Vec<Failure> {
        self.failures.get(&call).cloned().unwrap_or_default()
    }

    /// The verdicts in the unfinished parcels of a batch.
    pub(super) fn unfinished(&self, batch: BatchId) -> Counts {
        let parcels = self.of_batch.get(&batch).into_iter().flatten();
        let rows = parcels.filter_map(|parcel| self.parcels.get(parcel));
        let open = rows.filter(|row| row.counted && !matches!(row.row.state, RowState::Finished(_)));
        open.fold(Counts::default(), |sum, row| sum + Counts::of(&row.tally))
    }
}

impl ParcelRow {
    fn new(request: &ClaimRequest) -> Self {
        let row = Row {
            parcel: request.parcel,
            state: RowState::Open,
            epoch: 0,
            holder: String::new(),
            lease_until_ms: 0,
            first: request.first,
            count: request.count,
            done: Bitmap::new(),
        };
        let (batch, counted) = (request.batch, request.counted);
        Self { row, batch, counted, losses: 0, window: None, tally: Tally::default(), sent: 0, kept_ms: 0 }
    }
}
