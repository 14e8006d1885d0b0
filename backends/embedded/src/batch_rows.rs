//! The rows of batches and of their callbacks.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{messages::ms, tally, transaction::Tx};
use celeriac_core::{
    id::BatchId,
    ports::{BatchRecord, Counts, NewBatch, Outgoing, Owed, Reason, Tally},
};

const COLUMNS: &str =
    concat!("id, name, task, created_ms, accepted, closed_ms, stopped, finished_ms, ", tally::columns!());

/// How long a process that was given a callback has to send it before another process is given it.
const HANDED_MS: u64 = 30_000;

/// A batch as read from its row.
pub(super) struct BatchRow {
    pub(super) record: BatchRecord,
    counts: Counts,
}

/// Adds a batch, unless its id exists.
pub(super) fn insert(tx: &Tx<'_>, batch: &NewBatch) -> rusqlite::Result<()> {
    let inserted = tx
        .db
        .prepare_cached(
            "INSERT INTO batch (id, name, task, created_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )?
        .execute(params![batch.id.to_bytes(), batch.name, batch.task, ms(batch.created_ms)])?;
    if let (1, Some(callback)) = (inserted, &batch.callback) {
        tx.db.prepare_cached("INSERT INTO callback (batch, queue, due_ms, bytes) VALUES (?1, ?2, ?3, ?4)")?.execute(
            params![batch.id.to_bytes(), callback.queue.as_ref(), ms(callback.due_ms), callback.body.as_ref()],
        )?;
    }
    Ok(())
}

/// A batch without the verdicts of unfinished parcels.
pub(super) fn find(db: &Connection, id: BatchId) -> rusqlite::Result<Option<BatchRow>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM batch WHERE id = ?1"))?
        .query_row([id.to_bytes()], read)
        .optional()
}

/// The newest batches.
pub(super) fn newest(db: &Connection, limit: usize) -> rusqlite::Result<Vec<BatchRow>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM batch ORDER BY rowid DESC LIMIT ?1"))?
        .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], read)?
        .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<BatchRow> {
    let counts = tally::read(row, 8)?;
    let record = BatchRecord {
        id: BatchId::from_bytes(row.get(0)?),
        name: row.get(1)?,
        task: row.get(2)?,
        created_ms: row.get::<_, i64>(3)? as u64,
        accepted: row.get::<_, i64>(4)? as u64,
        closed: row.get::<_, Option<i64>>(5)?.is_some(),
        revoked: row.get(6)?,
        tally: counts.tally(),
        finished_ms: row.get::<_, Option<i64>>(7)?.map(|finished| finished as u64),
    };
    Ok(BatchRow { record, counts })
}

/// The record of a batch with the verdicts of its unfinished parcels.
pub(super) fn with_unfinished(db: &Connection, row: BatchRow) -> rusqlite::Result<BatchRecord> {
    let BatchRow { mut record, counts } = row;
    let unfinished = db
        .prepare_cached(
            "SELECT total(succeeded), total(failed), total(timed_out), total(crashed), total(revoked), total(expired),
                    total(unknown), total(retries)
             FROM parcel WHERE batch = ?1 AND state <> 2 AND counted = 1",
        )?
        .query_row([record.id.to_bytes()], |row| {
            let mut sums = Counts::default();
            for (at, sum) in sums.0.iter_mut().enumerate() {
                *sum = row.get::<_, f64>(at)? as i64;
            }
            Ok(sums)
        })?;
    record.tally = (counts + unfinished).tally();
    Ok(record)
}

/// Moves the mark up to which calls are accepted.
pub(super) fn set_accepted(tx: &Tx<'_>, id: BatchId, upto: u64) -> rusqlite::Result<()> {
    tx.db
        .prepare_cached("UPDATE batch SET accepted = ?2 WHERE id = ?1")?
        .execute(params![id.to_bytes(), upto as i64])
        .map(|_| ())
}

/// Closes a batch, once.
pub(super) fn close(tx: &Tx<'_>, id: BatchId, now_ms: u64) -> rusqlite::Result<()> {
    tx.db
        .prepare_cached("UPDATE batch SET closed_ms = ?2 WHERE id = ?1 AND closed_ms IS NULL")?
        .execute(params![id.to_bytes(), ms(now_ms)])
        .map(|_| ())
}

/// Revokes a batch, or lifts the revocation. Returns whether the batch exists.
pub(super) fn set_revoked(tx: &Tx<'_>, id: BatchId, revoked: bool) -> rusqlite::Result<bool> {
    let mut update = tx.db.prepare_cached("UPDATE batch SET stopped = ?2 WHERE id = ?1")?;
    Ok(update.execute(params![id.to_bytes(), revoked])? == 1)
}

/// Whether a batch is revoked.
pub(super) fn is_revoked(db: &Connection, id: BatchId) -> rusqlite::Result<bool> {
    let stopped =
        db.prepare_cached("SELECT stopped FROM batch WHERE id = ?1")?.query_row([id.to_bytes()], |row| row.get(0));
    Ok(stopped.optional()?.unwrap_or(false))
}

/// Adds the verdicts of a finished parcel, or those of retried calls, which are negative.
pub(super) fn count(tx: &Tx<'_>, id: BatchId, counts: Counts) -> rusqlite::Result<()> {
    let [succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries] = counts.0;
    tx.db
        .prepare_cached(
            "UPDATE batch SET succeeded = succeeded + ?2, failed = failed + ?3, timed_out = timed_out + ?4,
             crashed = crashed + ?5, revoked = revoked + ?6, expired = expired + ?7, unknown = unknown + ?8,
             retries = retries + ?9 WHERE id = ?1",
        )?
        .execute(params![id.to_bytes(), succeeded, failed, timed_out, crashed, revoked, expired, unknown, retries])
        .map(|_| ())
}

/// Subtracts a call that died for this reason and is sent again. The batch is then unfinished, unless the call has
/// already ended once more.
pub(super) fn reopen(tx: &Tx<'_>, id: BatchId, died: Reason, now_ms: u64) -> rusqlite::Result<()> {
    count(tx, id, -Counts::of(&Tally::one(died)))?;
    tx.db.prepare_cached("UPDATE batch SET finished_ms = NULL WHERE id = ?1")?.execute([id.to_bytes()])?;
    complete(tx, id, now_ms)
}

/// Notes that a batch is finished, if it is. From then on it owes its callback.
pub(super) fn complete(tx: &Tx<'_>, id: BatchId, now_ms: u64) -> rusqlite::Result<()> {
    let finished = tx
        .db
        .prepare_cached(
            "UPDATE batch SET finished_ms = ?2 WHERE id = ?1 AND finished_ms IS NULL AND closed_ms IS NOT NULL
             AND succeeded + failed + timed_out + crashed + revoked + expired + unknown >= accepted",
        )?
        .execute(params![id.to_bytes(), ms(now_ms)])?;
    if finished == 1 {
        tx.db
            .prepare_cached("UPDATE callback SET owed_ms = 0 WHERE batch = ?1 AND owed_ms IS NULL")?
            .execute([id.to_bytes()])?;
    }
    Ok(())
}

/// Gives out the callback that a batch owes, if there is one.
pub(super) fn hand_out(tx: &Tx<'_>, id: BatchId, now_ms: u64) -> rusqlite::Result<Option<Owed>> {
    tx.db
        .prepare_cached(
            "UPDATE callback SET owed_ms = ?2 WHERE batch = ?1 AND owed_ms IS NOT NULL
             RETURNING batch, queue, due_ms, bytes",
        )?
        .query_row(params![id.to_bytes(), ms(now_ms)], read_owed)
        .optional()
}

/// The callbacks whose last process had enough time to send them.
pub(super) fn owed(db: &Connection, now_ms: u64) -> rusqlite::Result<Vec<Owed>> {
    db.prepare_cached("SELECT batch, queue, due_ms, bytes FROM callback WHERE owed_ms <= ?1 ORDER BY owed_ms")?
        .query_map([ms(now_ms.saturating_sub(HANDED_MS))], read_owed)?
        .collect()
}

/// Removes a callback that was sent.
pub(super) fn paid(tx: &Tx<'_>, id: BatchId) -> rusqlite::Result<()> {
    tx.db
        .prepare_cached("DELETE FROM callback WHERE batch = ?1 AND owed_ms IS NOT NULL")?
        .execute([id.to_bytes()])
        .map(|_| ())
}

fn read_owed(row: &Row<'_>) -> rusqlite::Result<Owed> {
    Ok(Owed {
        batch: BatchId::from_bytes(row.get(0)?),
        message: Outgoing::of(
            row.get::<_, String>(1)?,
            Bytes::from(row.get::<_, Vec<u8>>(3)?),
            row.get::<_, i64>(2)? as u64,
        ),
    })
}
