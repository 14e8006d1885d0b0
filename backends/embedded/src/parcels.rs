//! The rows of parcels: their holders and their finished calls.

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, ToSql, params};

use super::{
    liveness,
    messages::ms,
    records::{decode, encode},
    tally,
    transaction::Tx,
};
use celeriac_core::{
    bitmap::Bitmap,
    id::{BatchId, ParcelId, TaskId},
    ports::{ClaimRequest, Counts, PortError, Record, Row, RowState, Seal, Tally, Window},
};

const OPEN: i64 = 0;
const SEALED: i64 = 1;
const FINISHED: i64 = 2;

const COLUMNS: &str = concat!(
    "rowid, id, batch, counted, first, count, keep_until_ms, state, epoch, losses, lease_until_ms, life, holder, done, \
     window, seal, ",
    tally::columns!()
);

/// A complete parcel row.
pub(super) struct ParcelRow {
    pub(super) rowid: i64,
    pub(super) batch: BatchId,
    pub(super) counted: bool,
    pub(super) keep_until_ms: i64,
    pub(super) row: Row,
    pub(super) losses: u32,
    pub(super) window: Option<Window>,
    pub(super) tally: Tally,
    life: i64,
}

impl ParcelRow {
    /// Whether its holder has lost it.
    pub(super) fn is_free(&self, tx: &Tx<'_>, request: &ClaimRequest, own: i64) -> rusqlite::Result<bool> {
        let is_over = self.row.lease_until_ms <= request.now_ms;
        Ok(is_over || (self.life != own && liveness::has_ended(tx.db, self.life)?))
    }

    /// The row, if a write with this epoch is not fenced off.
    pub(super) fn fenced(found: Option<Self>, epoch: u64) -> Result<Self, PortError> {
        found.filter(|row| row.row.epoch == epoch).ok_or(PortError::Fenced)
    }
}

/// A parcel's row.
pub(super) fn find(db: &Connection, id: ParcelId) -> rusqlite::Result<Option<ParcelRow>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM parcel WHERE id = ?1"))?
        .query_row([id.to_bytes()], read)
        .optional()
}

/// The row of the root parcel that holds a call.
pub(super) fn root_of(db: &Connection, call: TaskId) -> rusqlite::Result<Option<ParcelRow>> {
    if let Some(alone) = find(db, ParcelId::root(call.batch, call.index))? {
        return Ok(Some(alone));
    }
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM parcel WHERE root = 1 AND batch = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1"
    ))?
    .query_row(params![call.batch.to_bytes(), call.index as i64], read)
    .optional()
    .map(|found| found.filter(|root| call.index < root.row.first + u64::from(root.row.count)))
}

/// The first claim of a parcel. Returns `false` if there was one before.
pub(super) fn insert(tx: &Tx<'_>, request: &ClaimRequest, life: i64) -> rusqlite::Result<bool> {
    // Found by the id of their only call, without an index of roots.
    let is_alone = request.count == 1 && request.parcel == ParcelId::root(request.batch, request.first);
    let keep_until_ms = ms(request.kept_until_ms());
    tx.db
        .prepare_cached(
            "INSERT INTO parcel
             (id, batch, counted, first, count, root, keep_until_ms, epoch, lease_until_ms, life, holder)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            request.parcel.to_bytes(),
            request.batch.to_bytes(),
            request.counted,
            request.first as i64,
            request.count,
            request.root && !is_alone,
            keep_until_ms,
            ms(request.lease_until_ms),
            life,
            request.holder.as_ref()
        ])
        .map(|inserted| inserted == 1)
}

/// What the end of a parcel needs of its row.
pub(super) struct Ended {
    pub(super) batch: BatchId,
    pub(super) counted: bool,
    pub(super) keep_until_ms: i64,
}

/// Records the last verdicts of an open parcel and ends it. Returns `None` if the parcel is not open, or is claimed with
/// another epoch.
pub(super) fn end(tx: &Tx<'_>, id: ParcelId, epoch: u64, record: &Record) -> rusqlite::Result<Option<Ended>> {
    // Two statements: one that changes a row and returns something copies each page that it changes, to be able to undo
    // half of its work.
    let open = tx
        .db
        .prepare_cached(
            "SELECT rowid, batch, counted, keep_until_ms FROM parcel WHERE id = ?1 AND epoch = ?2 AND state = 0",
        )?
        .query_row(params![id.to_bytes(), epoch as i64], |row| {
            let batch = BatchId::from_bytes(row.get(1)?);
            Ok((row.get::<_, i64>(0)?, Ended { batch, counted: row.get(2)?, keep_until_ms: row.get(3)? }))
        })
        .optional()?;
    let Some((rowid, ended)) = open else { return Ok(None) };
    write_verdicts(
        tx,
        "UPDATE parcel SET state = 2, window = NULL, done = ?2, succeeded = ?3, failed = ?4, timed_out = ?5,
         crashed = ?6, revoked = ?7, expired = ?8, unknown = ?9, retries = ?10 WHERE rowid = ?1",
        rowid,
        record,
    )?;
    Ok(Some(ended))
}

/// A claim that takes a parcel from a holder who lost it.
pub(super) fn take_over(tx: &Tx<'_>, row: &ParcelRow, request: &ClaimRequest, life: i64) -> rusqlite::Result<()> {
    update(
        tx,
        "UPDATE parcel SET epoch = epoch + 1, losses = losses + 1, lease_until_ms = ?2, life = ?3, holder = ?4
         WHERE rowid = ?1",
        params![row.rowid, ms(request.lease_until_ms), life, request.holder.as_ref()],
    )
}

/// Extends the lease.
pub(super) fn renew(tx: &Tx<'_>, row: &ParcelRow, lease_until_ms: u64) -> rusqlite::Result<()> {
    update(tx, "UPDATE parcel SET lease_until_ms = ?2 WHERE rowid = ?1", params![row.rowid, ms(lease_until_ms)])
}

/// Marks the calls that are about to start.
pub(super) fn mark(tx: &Tx<'_>, row: &ParcelRow, window: &Window) -> rusqlite::Result<()> {
    update(tx, "UPDATE parcel SET window = ?2 WHERE rowid = ?1", params![row.rowid, encode(window)])
}

/// Records verdicts.
pub(super) fn record(tx: &Tx<'_>, row: &ParcelRow, record: &Record) -> rusqlite::Result<()> {
    write_verdicts(
        tx,
        "UPDATE parcel SET done = ?2, succeeded = ?3, failed = ?4, timed_out = ?5, crashed = ?6, revoked = ?7,
         expired = ?8, unknown = ?9, retries = ?10 WHERE rowid = ?1",
        row.rowid,
        record,
    )
}

/// Runs a statement whose second parameter is what is done, and whose next eight are the columns of a tally.
fn write_verdicts(tx: &Tx<'_>, sql: &str, rowid: i64, record: &Record) -> rusqlite::Result<()> {
    let [succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries] = Counts::of(&record.tally).0;
    let done = record.done.as_bytes();
    update(tx, sql, params![rowid, done, succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries])
}

/// Seals a parcel.
pub(super) fn seal(tx: &Tx<'_>, row: &ParcelRow, seal: &Seal) -> rusqlite::Result<()> {
    update(tx, "UPDATE parcel SET state = ?2, seal = ?3 WHERE rowid = ?1", params![row.rowid, SEALED, encode(seal)])
}

/// Ends a parcel.
pub(super) fn finish(tx: &Tx<'_>, row: &ParcelRow) -> rusqlite::Result<()> {
    update(tx, "UPDATE parcel SET state = ?2, window = NULL WHERE rowid = ?1", params![row.rowid, FINISHED])
}

fn update(tx: &Tx<'_>, sql: &str, values: &[&dyn ToSql]) -> rusqlite::Result<()> {
    tx.db.prepare_cached(sql)?.execute(values).map(|_| ())
}

fn read(row: &SqlRow<'_>) -> rusqlite::Result<ParcelRow> {
    let seal = row.get::<_, Option<Vec<u8>>>(15)?.map(|seal| decode::<Seal>(15, &seal)).transpose()?;
    let state = match row.get::<_, i64>(7)? {
        OPEN => RowState::Open,
        SEALED => RowState::Sealed(seal.unwrap_or_default()),
        FINISHED => RowState::Finished(seal.unwrap_or_default()),
        other => return Err(rusqlite::Error::IntegralValueOutOfRange(7, other)),
    };
    Ok(ParcelRow {
        rowid: row.get(0)?,
        batch: BatchId::from_bytes(row.get(2)?),
        counted: row.get(3)?,
        keep_until_ms: row.get(6)?,
        losses: row.get(9)?,
        life: row.get(11)?,
        window: row.get::<_, Option<Vec<u8>>>(14)?.map(|window| decode(14, &window)).transpose()?,
        tally: tally::read(row, 16)?.tally(),
        row: Row {
            parcel: ParcelId::from_bytes(row.get(1)?),
            state,
            epoch: row.get::<_, i64>(8)? as u64,
            holder: row.get(12)?,
            lease_until_ms: row.get::<_, i64>(10)? as u64,
            first: row.get::<_, i64>(4)? as u64,
            count: row.get(5)?,
            done: Bitmap::from_bytes(row.get::<_, Vec<u8>>(13)?),
        },
    })
}
