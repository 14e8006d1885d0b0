//! Implements the ledger: claims, fenced writes, counters.

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};

use super::{batch_rows, parcels, parcels::ParcelRow, records, store::FileStore, transaction::Tx, writer::Cost};
use celeriac_core::{
    bitmap::Bitmap,
    id::{BatchId, ParcelId, TaskId},
    ports::{
        Checkpoint, Claim, ClaimRequest, Claimed, Counts, Failure, Finish, Ledger, Owed, PortError, Record, Row,
        RowState, Seal, Tally,
    },
};

/// About how many bytes a parcel's row takes.
const ROW_BYTES: usize = 512;

impl Ledger for FileStore {
    fn claim(&self, requests: Vec<ClaimRequest>) -> BoxFuture<'_, Vec<Result<Claim, PortError>>> {
        async move {
            let count = requests.len();
            let own = match self.life() {
                Ok(own) => own,
                Err(error) => return vec![Err(error); count],
            };
            // If the machine dies, the claimer dies with it. Its first durable recording makes the claim durable too.
            let cost = Cost { durable: false, bytes: count * ROW_BYTES };
            let claims = self.writer.run(cost, move |tx| {
                let claims = requests.iter().map(|request| claim(tx, request, own));
                claims.collect::<rusqlite::Result<Vec<Claim>>>()
            });
            match claims.await {
                Ok(claims) => claims.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error); count],
            }
        }
        .boxed()
    }

    fn checkpoint(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        async move {
            let count = checkpoints.len();
            let records = || checkpoints.iter().filter_map(|checkpoint| checkpoint.record.as_ref());
            let durable = checkpoints.iter().any(|at| at.record.is_some() || at.window.is_some());
            let cost = Cost { durable, bytes: count * ROW_BYTES + records().map(records::cost).sum::<usize>() };
            let written = self.writer.run(cost, move |tx| {
                let written = checkpoints.iter().map(|at| checkpoint(tx, at));
                written.collect::<rusqlite::Result<Vec<_>>>()
            });
            written.await.unwrap_or_else(|error| vec![Err(error); count])
        }
        .boxed()
    }

    fn seal(&self, parcel: ParcelId, epoch: u64, record: Record, seal: Seal) -> BoxFuture<'_, Result<(), PortError>> {
        async move {
            let cost = Cost::durable(ROW_BYTES + records::cost(&record));
            self.writer.run(cost, move |tx| self::seal(tx, parcel, epoch, &record, &seal)).await?
        }
        .boxed()
    }

    fn finish(&self, finish: Finish) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        async move {
            let now_ms = self.clock.now_ms();
            let cost = Cost::durable(ROW_BYTES + finish.record.as_ref().map_or(0, records::cost));
            let Finish { parcel, epoch, record } = finish;
            self.writer.run(cost, move |tx| self::finish(tx, parcel, epoch, record.as_ref(), now_ms)).await?
        }
        .boxed()
    }

    fn paid(&self, batch: BatchId) -> BoxFuture<'_, Result<(), PortError>> {
        self.writer.run(Cost::durable(0), move |tx| batch_rows::paid(tx, batch)).boxed()
    }

    fn owed(&self) -> BoxFuture<'_, Result<Vec<Owed>, PortError>> {
        let now_ms = self.clock.now_ms();
        self.reader.run(move |db| batch_rows::owed(db, now_ms)).boxed()
    }

    fn rows(&self, parcels: Vec<ParcelId>) -> BoxFuture<'_, Result<Vec<Option<Row>>, PortError>> {
        self.reader
            .run(move |db| parcels.iter().map(|id| Ok(parcels::find(db, *id)?.map(|found| found.row))).collect())
            .boxed()
    }

    fn root_of(&self, call: TaskId) -> BoxFuture<'_, Result<Option<Row>, PortError>> {
        self.reader.run(move |db| Ok(parcels::root_of(db, call)?.map(|found| found.row))).boxed()
    }

    fn result_of(&self, call: TaskId) -> BoxFuture<'_, Result<Option<Bytes>, PortError>> {
        self.reader.run(move |db| records::result_of(db, call)).boxed()
    }

    fn history(&self, call: TaskId) -> BoxFuture<'_, Result<Vec<Failure>, PortError>> {
        self.reader.run(move |db| records::history(db, call)).boxed()
    }
}

/// Rule 2.
fn claim(tx: &mut Tx<'_>, request: &ClaimRequest, own: i64) -> rusqlite::Result<Claim> {
    let is_too_old = request.now_ms > request.not_after_ms;
    // Nearly every claim is the first of its parcel. That one is a single statement.
    if !is_too_old && parcels::insert(tx, request, own)? {
        return Ok(Claim::Claimed(Claimed {
            epoch: 1,
            done: Bitmap::new(),
            tally: Tally::default(),
            losses: 0,
            window: None,
            revoked: is_revoked(tx, request)?,
        }));
    }
    let Some(row) = parcels::find(tx.db, request.parcel)? else { return Ok(Claim::TooOld) };
    match &row.row.state {
        RowState::Finished(_) => {
            let owed = batch_rows::hand_out(tx, row.batch, request.now_ms)?;
            return Ok(Claim::Finished { owed });
        }
        RowState::Sealed(seal) => return Ok(Claim::Sealed { epoch: row.row.epoch, seal: seal.clone() }),
        RowState::Open if !row.is_free(tx, request, own)? => {
            return Ok(Claim::Busy { until_ms: row.row.lease_until_ms });
        }
        RowState::Open if is_too_old => return Ok(Claim::TooOld),
        RowState::Open => {}
    }
    let revoked = is_revoked(tx, request)?;
    parcels::take_over(tx, &row, request, own)?;
    Ok(Claim::Claimed(Claimed {
        epoch: row.row.epoch + 1,
        done: row.row.done,
        tally: row.tally,
        losses: row.losses + 1,
        window: row.window,
        revoked,
    }))
}

fn is_revoked(tx: &Tx<'_>, request: &ClaimRequest) -> rusqlite::Result<bool> {
    Ok(request.counted && batch_rows::is_revoked(tx.db, request.batch)?)
}

/// Rule 3.
fn checkpoint(tx: &Tx<'_>, at: &Checkpoint) -> rusqlite::Result<Result<(), PortError>> {
    let row = match ParcelRow::fenced(parcels::find(tx.db, at.parcel)?, at.epoch) {
        Ok(row) if row.row.state == RowState::Open => row,
        // A renewal that arrives after the end has nothing to renew.
        Ok(_) if at.record.is_none() => return Ok(Ok(())),
        Ok(_) => return Ok(Err(PortError::Fenced)),
        Err(error) => return Ok(Err(error)),
    };
    parcels::renew(tx, &row, at.lease_until_ms)?;
    if let Some(window) = &at.window {
        parcels::mark(tx, &row, window)?;
    }
    if let Some(record) = &at.record {
        records::insert(tx, &row, record)?;
    }
    Ok(Ok(()))
}

/// Rule 4.
fn seal(
    tx: &Tx<'_>,
    parcel: ParcelId,
    epoch: u64,
    record: &Record,
    seal: &Seal,
) -> rusqlite::Result<Result<(), PortError>> {
    let row = match ParcelRow::fenced(parcels::find(tx.db, parcel)?, epoch) {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    if row.row.state == RowState::Open {
        records::insert(tx, &row, record)?;
        parcels::seal(tx, &row, seal)?;
    }
    Ok(Ok(()))
}

/// Rule 5.
pub(super) fn finish(
    tx: &Tx<'_>,
    parcel: ParcelId,
    epoch: u64,
    record: Option<&Record>,
    now_ms: u64,
) -> rusqlite::Result<Result<Option<Owed>, PortError>> {
    let ended = record.map(|record| parcels::end(tx, parcel, epoch, record)).transpose()?.flatten();
    let (batch, counted, tally) = if let (Some(ended), Some(record)) = (ended, record) {
        records::insert_entries(tx, ended.batch, ended.keep_until_ms, record)?;
        (ended.batch, ended.counted, record.tally)
    } else {
        let row = match ParcelRow::fenced(parcels::find(tx.db, parcel)?, epoch) {
            Ok(row) => row,
            Err(error) => return Ok(Err(error)),
        };
        if let RowState::Finished(_) = row.row.state {
            return batch_rows::hand_out(tx, row.batch, now_ms).map(Ok);
        }
        parcels::finish(tx, &row)?;
        (row.batch, row.counted, row.tally)
    };
    if !counted {
        return Ok(Ok(None));
    }
    batch_rows::count(tx, batch, Counts::of(&tally))?;
    batch_rows::complete(tx, batch, now_ms)?;
    batch_rows::hand_out(tx, batch, now_ms).map(Ok)
}
