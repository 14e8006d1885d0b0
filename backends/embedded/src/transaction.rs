//! A transaction that one or more operations run in.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{Connection, OptionalExtension};

/// The known numbers of queues.
pub(super) type QueueNumbers = HashMap<Arc<str>, i64>;

/// One transaction, of one operation or many.
pub(super) struct Tx<'a> {
    /// The connection.
    pub(super) db: &'a Connection,
    queues: &'a mut QueueNumbers,
    wakes: bool,
}

impl<'a> Tx<'a> {
    /// The view of a transaction that `db` has begun.
    pub(super) fn new(db: &'a Connection, queues: &'a mut QueueNumbers) -> Self {
        Self { db, queues, wakes: false }
    }

    /// The number of a queue, new or known.
    pub(super) fn queue(&mut self, name: &Arc<str>) -> rusqlite::Result<i64> {
        if let Some(id) = self.queues.get(name) {
            return Ok(*id);
        }
        let mut find = self.db.prepare_cached("SELECT id FROM queue WHERE name = ?1")?;
        let found = find.query_row([name.as_ref()], |row| row.get(0)).optional()?;
        let id = if let Some(id) = found {
            id
        } else {
            self.db.prepare_cached("INSERT INTO queue (name) VALUES (?1)")?.insert([name.as_ref()])?
        };
        self.queues.insert(name.clone(), id);
        Ok(id)
    }

    /// Notes that there are new messages to receive.
    pub(super) fn wake(&mut self) {
        self.wakes = true;
    }

    /// Whether there are new messages to receive once it is committed.
    pub(super) fn wakes(&self) -> bool {
        self.wakes
    }
}
