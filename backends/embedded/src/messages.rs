//! The rows of messages: a small row that changes, and the body, which does not. A small body is part of the row, so
//! that a lone call writes one page less.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::{transaction::Tx, watcher::LONGEST_LOOK_MS};
use celeriac_core::{
    Lane,
    ports::{Outgoing, Receipt, Receive, Settle},
};

/// A buried message becomes visible at the end of time.
const NEVER: i64 = i64::MAX;

/// The largest body in a message's own row, which is rewritten whenever the message is hidden.
const INLINE_BYTES: usize = 1024;

/// A message that was taken. A body apart from its row is read afterwards.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) inline: Option<Bytes>,
    pub(super) id: i64,
    pub(super) queue: Arc<str>,
    pub(super) token: u64,
    pub(super) receives: u32,
    pub(super) sent_ms: u64,
}

impl Taken {
    pub(super) fn receipt(&self) -> Receipt {
        Receipt(format!("{}-{:x}", self.id, self.token).into())
    }
}

/// The parts of a receipt.
#[derive(Clone, Copy, Debug)]
struct Delivered {
    id: i64,
    token: i64,
}

fn delivered(receipt: &Receipt) -> Option<Delivered> {
    let (id, token) = receipt.0.split_once('-')?;
    Some(Delivered { id: id.parse().ok()?, token: u64::from_str_radix(token, 16).ok()? as i64 })
}

/// A time as an SQLite integer.
pub(super) fn ms(time_ms: u64) -> i64 {
    i64::try_from(time_ms).unwrap_or(NEVER).min(NEVER - 1)
}

/// A lane of a queue.
#[derive(Clone, Copy)]
pub(super) struct QueueLane<'a> {
    pub(super) queue: &'a Arc<str>,
    pub(super) lane: Lane,
}

/// Where a request looks, in this order: all queues of the first lane come before any of the second.
pub(super) fn looked_at(request: &Receive) -> impl Iterator<Item = QueueLane<'_>> {
    request.lanes.iter().flat_map(|lane| request.queues.iter().map(|queue| QueueLane { queue, lane: *lane }))
}

/// A lane as the file has it.
fn number(lane: Lane) -> i64 {
    match lane {
        Lane::Interactive => 0,
        Lane::Bulk => 1,
    }
}

/// Adds a message. Of the due messages of a lane, the one that became due first is delivered first.
pub(super) fn insert(tx: &mut Tx<'_>, message: &Outgoing, now_ms: u64) -> rusqlite::Result<()> {
    let queue = tx.queue(&message.queue)?;
    let visible_ms = if message.due_ms == 0 { now_ms } else { message.due_ms };
    let body = message.body.as_ref();
    let (inline, apart) = if body.len() <= INLINE_BYTES { (Some(body), None) } else { (None, Some(body)) };
    let id = tx
        .db
        .prepare_cached("INSERT INTO message (queue, lane, visible_ms, sent_ms, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .insert(params![queue, number(message.lane), ms(visible_ms), ms(now_ms), inline])?;
    if let Some(body) = apart {
        tx.db.prepare_cached("INSERT INTO body (message, bytes) VALUES (?1, ?2)")?.execute(params![id, body])?;
    }
    tx.wake();
    Ok(())
}

/// Takes up to `max` due messages of a lane of a queue, and hides them. `draw` makes the token of a receipt.
pub(super) fn take(
    tx: &mut Tx<'_>,
    QueueLane { queue, lane }: QueueLane<'_>,
    max: usize,
    now_ms: u64,
    hide_until_ms: u64,
    life: i64,
    mut draw: impl FnMut() -> u64,
) -> rusqlite::Result<Vec<Taken>> {
    let queue_number = tx.queue(queue)?;
    let mut due = tx.db.prepare_cached(
        "SELECT id, receives, sent_ms, bytes FROM message WHERE queue = ?1 AND lane = ?2 AND visible_ms <= ?3
         ORDER BY visible_ms, id LIMIT ?4",
    )?;
    let taken = due
        .query_map(params![queue_number, number(lane), ms(now_ms), max as i64], |row| {
            Ok(Taken {
                id: row.get(0)?,
                queue: queue.clone(),
                token: draw(),
                receives: row.get::<_, u32>(1)?.saturating_add(1),
                sent_ms: row.get::<_, i64>(2)? as u64,
                inline: row.get::<_, Option<Vec<u8>>>(3)?.map(Bytes::from),
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut hide = tx
        .db
        .prepare_cached("UPDATE message SET visible_ms = ?2, receives = ?3, token = ?4, life = ?5 WHERE id = ?1")?;
    for message in &taken {
        hide.execute(params![message.id, ms(hide_until_ms), message.receives, message.token as i64, life])?;
    }
    Ok(taken)
}

/// Undoes a take whose result was never delivered.
pub(super) fn put_back(tx: &mut Tx<'_>, message: &Taken, taken_ms: u64) -> rusqlite::Result<()> {
    tx.db
        .prepare_cached(
            "UPDATE message SET visible_ms = ?3, receives = receives - 1, token = NULL, life = NULL
             WHERE id = ?1 AND token = ?2",
        )?
        .execute(params![message.id, message.token as i64, ms(taken_ms)])?;
    tx.wake();
    Ok(())
}

/// Applies a settlement. Returns whether the receipt was valid.
pub(super) fn settle(tx: &mut Tx<'_>, receipt: &Receipt, settle: &Settle, now_ms: u64) -> rusqlite::Result<bool> {
    let Some(Delivered { id, token }) = delivered(receipt) else { return Ok(false) };
    match settle {
        Settle::Delete => delete(tx.db, id, token),
        Settle::Hide { until_ms } => {
            let hidden = tx
                .db
                .prepare_cached("UPDATE message SET visible_ms = ?3 WHERE id = ?1 AND token = ?2 AND visible_ms < ?4")?
                .execute(params![id, token, ms(*until_ms), NEVER])?;
            // A receive that waits looks that late by itself.
            if *until_ms <= now_ms.saturating_add(LONGEST_LOOK_MS) {
                tx.wake();
            }
            Ok(hidden == 1)
        }
        Settle::Bury { reason, .. } => {
            let buried = tx
                .db
                .prepare_cached(
                    "UPDATE message SET visible_ms = ?3, life = NULL WHERE id = ?1 AND token = ?2 AND visible_ms < ?3",
                )?
                .execute(params![id, token, NEVER])?;
            if buried == 1 {
                tx.db
                    .prepare_cached("INSERT INTO buried (message, buried_ms, reason) VALUES (?1, ?2, ?3)")?
                    .execute(params![id, ms(now_ms), reason])?;
            }
            Ok(buried == 1)
        }
    }
}

fn delete(db: &Connection, id: i64, token: i64) -> rusqlite::Result<bool> {
    let apart: Option<bool> = db
        .prepare_cached("SELECT bytes IS NULL FROM message WHERE id = ?1 AND token = ?2 AND visible_ms < ?3")?
        .query_row(params![id, token, NEVER], |row| row.get(0))
        .optional()?;
    let Some(apart) = apart else { return Ok(false) };
    db.prepare_cached("DELETE FROM message WHERE id = ?1")?.execute([id])?;
    if apart {
        db.prepare_cached("DELETE FROM body WHERE message = ?1")?.execute([id])?;
    }
    Ok(true)
}

/// The body of a message whose row has none, unless the message was deleted in the meantime.
pub(super) fn body_apart(db: &Connection, id: i64) -> rusqlite::Result<Option<Bytes>> {
    db.prepare_cached("SELECT bytes FROM body WHERE message = ?1")?
        .query_row([id], |row| row.get::<_, Vec<u8>>(0).map(Bytes::from))
        .optional()
}

/// When the next message of a lane of a queue is due, past times included.
pub(super) fn next_due(db: &Connection, QueueLane { queue, lane }: QueueLane<'_>) -> rusqlite::Result<Option<u64>> {
    let next: Option<i64> = db
        .prepare_cached(
            "SELECT min(visible_ms) FROM message WHERE queue = (SELECT id FROM queue WHERE name = ?1)
             AND lane = ?2 AND visible_ms < ?3",
        )?
        .query_row(params![queue.as_ref(), number(lane), NEVER], |row| row.get(0))?;
    Ok(next.map(|due| due as u64))
}

/// Shows the messages that a dead process had hidden. Returns how many there were.
pub(super) fn release(tx: &mut Tx<'_>, life: i64, now_ms: u64) -> rusqlite::Result<usize> {
    let released = tx
        .db
        .prepare_cached("UPDATE message SET visible_ms = min(visible_ms, ?2), life = NULL WHERE life = ?1")?
        .execute(params![life, ms(now_ms)])?;
    tx.wake();
    Ok(released)
}
