//! The records of checkpoints beside the parcel's row: results and failures in one row each, written once and never
//! changed, and dead letters. The cost is per checkpoint, not per call.

use bytes::Bytes;
use rusqlite::{Connection, params, types::Type};
use serde::{Serialize, de::DeserializeOwned};

use super::{dead_letters, messages::ms, parcels, parcels::ParcelRow, transaction::Tx};
use celeriac_core::{
    id::{BatchId, TaskId},
    ports::{DeadLetter, Entry, Failure, Record, Removal, ResultRow, entries},
    wire,
};

/// As long as a call that was sent again may run and its row is kept.
const KEEP_REMOVED_MS: u64 = 16 * 24 * 3600 * 1000;

/// Writes the verdicts to the parcel's row, and the new entries.
pub(super) fn insert(tx: &Tx<'_>, row: &ParcelRow, record: &Record) -> rusqlite::Result<()> {
    parcels::record(tx, row, record)?;
    insert_entries(tx, row.batch, row.keep_until_ms, record)
}

/// Writes the new entries alone.
pub(super) fn insert_entries(tx: &Tx<'_>, batch: BatchId, keep_until_ms: i64, record: &Record) -> rusqlite::Result<()> {
    insert_rows(tx, "result", batch, keep_until_ms, &record.results, |result| result.index)?;
    insert_rows(tx, "failure", batch, keep_until_ms, &record.failures, |failure| failure.index)?;
    record.dead.iter().try_for_each(|(_, letter)| dead_letters::insert(tx, letter))
}

/// About how many bytes they take.
pub(super) fn cost(record: &Record) -> usize {
    let results: usize = record.results.iter().map(|result| result.value.len() + 16).sum();
    let failures: usize = record.failures.iter().map(|failure| failure.message.len() + 64).sum();
    let dead: usize = record.dead.iter().map(|(_, letter)| letter.args.len() + letter.message.len() + 128).sum();
    record.done.as_bytes().len() + results + failures + dead
}

fn insert_rows<T: Serialize>(
    tx: &Tx<'_>,
    table: &str,
    batch: BatchId,
    keep_until_ms: i64,
    rows: &[T],
    index: impl Fn(&T) -> u64,
) -> rusqlite::Result<()> {
    let indexes = || rows.iter().map(&index);
    let (Some(low), Some(high)) = (indexes().min(), indexes().max()) else { return Ok(()) };
    tx.db
        .prepare_cached(&format!(
            "INSERT INTO {table} (batch, low, high, keep_until_ms, rows) VALUES (?1, ?2, ?3, ?4, ?5)"
        ))?
        .execute(params![batch.to_bytes(), low as i64, high as i64, keep_until_ms, encode(rows)])
        .map(|_| ())
}

/// Keeps the reason of a removed dead letter.
pub(super) fn removed(tx: &Tx<'_>, letter: DeadLetter, removal: Removal, now_ms: u64) -> rusqlite::Result<()> {
    let DeadLetter { id, message, attempts: attempt, died_ms: at_ms, .. } = letter;
    let (kind, worker) = (removal.as_str().to_owned(), String::new());
    let entry = Failure { index: id.index, attempt, at_ms, took_ms: 0, kind, message, worker };
    tx.db
        .prepare_cached("INSERT INTO failure (batch, low, high, keep_until_ms, rows) VALUES (?1, ?2, ?2, ?3, ?4)")?
        .execute(params![id.batch.to_bytes(), id.index as i64, ms(now_ms + KEEP_REMOVED_MS), encode(&[entry])])
        .map(|_| ())
}

/// The last result of a call.
pub(super) fn result_of(db: &Connection, call: TaskId) -> rusqlite::Result<Option<Bytes>> {
    let mut rows: Vec<ResultRow> = rows_about(db, "result", call)?;
    Ok(rows.pop().map(|row| row.value))
}

/// The failed attempts of a call.
pub(super) fn history(db: &Connection, call: TaskId) -> rusqlite::Result<Vec<Failure>> {
    let mut failures: Vec<Failure> = rows_about(db, "failure", call)?;
    failures.sort_by_key(|failure| (failure.at_ms, failure.attempt));
    // A checkpoint whose answer was lost is written again.
    failures.dedup();
    Ok(failures)
}

/// The records of a call, oldest first.
fn rows_about<T: Entry>(db: &Connection, table: &str, call: TaskId) -> rusqlite::Result<Vec<T>> {
    let mut query = db.prepare_cached(&format!(
        "SELECT rows FROM {table} WHERE batch = ?1 AND low <= ?2 AND high >= ?2 ORDER BY rowid"
    ))?;
    let mut found = query.query(params![call.batch.to_bytes(), call.index as i64])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let bytes: Vec<u8> = row.get(0)?;
        all.append(&mut entries(&bytes, call.index).map_err(|error| unreadable(0, error))?);
    }
    Ok(all)
}

/// The position of a gradual walk over old rows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walk {
    table: usize,
    after: i64,
}

/// The tables whose rows expire, and how many rows one step visits.
const TABLES: [&str; 4] = ["parcel", "result", "failure", "ended"];
const STEP: i64 = 256;

/// Rows of a table among which some are over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expired {
    table: &'static str,
    after: i64,
    upto: i64,
}

/// Walks over the next rows, and says whether some of them are over.
pub(super) fn expired(db: &Connection, walk: &mut Walk, now_ms: u64) -> rusqlite::Result<Option<Expired>> {
    let Walk { table: at, after } = *walk;
    let table = TABLES[at];
    let (upto, found): (Option<i64>, bool) = db
        .prepare_cached(&format!(
            "SELECT max(rowid), count(*) FILTER (WHERE keep_until_ms < ?3) > 0
             FROM (SELECT rowid, keep_until_ms FROM {table} WHERE rowid > ?1 ORDER BY rowid LIMIT ?2)"
        ))?
        .query_row([after, STEP, ms(now_ms)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some(upto) = upto else {
        *walk = Walk { table: (at + 1) % TABLES.len(), after: 0 };
        return Ok(None);
    };
    walk.after = upto;
    Ok(found.then_some(Expired { table, after, upto }))
}

/// Removes those that are over.
pub(super) fn prune(tx: &Tx<'_>, expired: &Expired, now_ms: u64) -> rusqlite::Result<()> {
    let Expired { table, after, upto } = expired;
    tx.db
        .prepare_cached(&format!("DELETE FROM {table} WHERE rowid > ?1 AND rowid <= ?2 AND keep_until_ms < ?3"))?
        .execute([*after, *upto, ms(now_ms)])
        .map(|_| ())
}

pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("rows have only types that MessagePack has, and a Vec takes all bytes")
}

pub(super) fn decode<T: DeserializeOwned>(column: usize, bytes: &[u8]) -> rusqlite::Result<T> {
    wire::decode_args(bytes).map_err(|error| unreadable(column, error))
}

fn unreadable(column: usize, error: rmp_serde::decode::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, error.into())
}
