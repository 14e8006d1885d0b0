//! Implements the port to dead letters.

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use rusqlite::{OptionalExtension, Row, params, types::Type};

use super::{batch_rows, messages::ms, records, store::FileStore, transaction::Tx, writer::Cost};
use celeriac_core::{
    id::{BatchId, TaskId},
    ports::{DeadLetter, DeadLetters, DeadQuery, PortError, Reason, Removal},
};

const COLUMNS: &str = "batch, call, counted, task, queue, args, reason, message, attempts, died_ms";

impl DeadLetters for FileStore {
    fn list(&self, query: DeadQuery) -> BoxFuture<'_, Result<Vec<DeadLetter>, PortError>> {
        let DeadQuery { batch, task, after, limit, .. } = query;
        let (first, last) = batch.map_or(([0; 16], [u8::MAX; 16]), |id| (id.to_bytes(), id.to_bytes()));
        // All calls come after call -1 of the first batch.
        let after = after.map_or((first, -1), |id| (id.batch.to_bytes(), id.index as i64)).max((first, -1));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.reader
            .run(move |db| {
                db.prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM dead_letter
                     WHERE (batch, call) > (?1, ?2) AND batch <= ?3 AND (?4 IS NULL OR task = ?4)
                     ORDER BY batch, call LIMIT ?5"
                ))?
                .query_map(params![after.0, after.1, last, task, limit], read)?
                .collect()
            })
            .boxed()
    }

    fn get(&self, id: TaskId) -> BoxFuture<'_, Result<Option<DeadLetter>, PortError>> {
        self.reader
            .run(move |db| {
                db.prepare_cached(&format!("SELECT {COLUMNS} FROM dead_letter WHERE batch = ?1 AND call = ?2"))?
                    .query_row(params![id.batch.to_bytes(), id.index as i64], read)
                    .optional()
            })
            .boxed()
    }

    fn remove(&self, letters: Vec<(TaskId, u64)>, removal: Removal) -> BoxFuture<'_, Result<u64, PortError>> {
        let now_ms = self.clock.now_ms();
        self.writer
            .run(Cost::durable(letters.len() * 128), move |tx| {
                let mut removed = 0;
                for (id, died_ms) in &letters {
                    removed += u64::from(remove(tx, *id, *died_ms, removal, now_ms)?);
                }
                Ok(removed)
            })
            .boxed()
    }
}

fn remove(tx: &Tx<'_>, id: TaskId, died_ms: u64, removal: Removal, now_ms: u64) -> rusqlite::Result<bool> {
    let found = tx
        .db
        .prepare_cached(&format!(
            "DELETE FROM dead_letter WHERE batch = ?1 AND call = ?2 AND died_ms = ?3 RETURNING {COLUMNS}"
        ))?
        .query_row(params![id.batch.to_bytes(), id.index as i64, ms(died_ms)], read)
        .optional()?;
    found.map(|letter| removed(tx, letter, removal, now_ms)).transpose().map(|removed| removed.is_some())
}

/// Notes the removal of a dead letter in its call's history.
fn removed(tx: &Tx<'_>, letter: DeadLetter, removal: Removal, now_ms: u64) -> rusqlite::Result<()> {
    if letter.counted && removal == Removal::Retried {
        batch_rows::reopen(tx, letter.id.batch, letter.reason, now_ms)?;
    }
    records::removed(tx, letter, removal, now_ms)
}

/// Adds a dead letter. An existing letter from another death of the call was retried, and its sender has not removed it
/// yet.
pub(super) fn insert(tx: &Tx<'_>, letter: &DeadLetter) -> rusqlite::Result<()> {
    let before = tx
        .db
        .prepare_cached(&format!(
            "DELETE FROM dead_letter WHERE batch = ?1 AND call = ?2 AND died_ms <> ?3 RETURNING {COLUMNS}"
        ))?
        .query_row(params![letter.id.batch.to_bytes(), letter.id.index as i64, ms(letter.died_ms)], read)
        .optional()?;
    if let Some(before) = before {
        removed(tx, before, Removal::Retried, letter.died_ms)?;
    }
    tx.db
        .prepare_cached(
            "INSERT OR REPLACE INTO dead_letter
             (batch, call, counted, task, queue, args, reason, message, attempts, died_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            letter.id.batch.to_bytes(),
            letter.id.index as i64,
            letter.counted,
            letter.task,
            letter.queue,
            letter.args.as_ref(),
            letter.reason.as_str(),
            letter.message,
            letter.attempts,
            ms(letter.died_ms)
        ])
        .map(|_| ())
}

fn read(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: BatchId::from_bytes(row.get(0)?).call(row.get::<_, i64>(1)? as u64),
        counted: row.get(2)?,
        task: row.get(3)?,
        queue: row.get(4)?,
        args: Bytes::from(row.get::<_, Vec<u8>>(5)?),
        reason: reason(row, 6)?,
        message: row.get(7)?,
        attempts: row.get(8)?,
        died_ms: row.get::<_, i64>(9)? as u64,
    })
}

fn reason(row: &Row<'_>, at: usize) -> rusqlite::Result<Reason> {
    let text: String = row.get(at)?;
    Reason::ALL
        .into_iter()
        .find(|reason| reason.as_str() == text)
        .ok_or_else(|| rusqlite::Error::InvalidColumnType(at, text, Type::Text))
}
