//! All that a file knows, but for what a process that lives changes all the time.

use std::path::Path;

use anyhow::Result;
use rusqlite::{Connection, types::Value};

/// What is known of calls that have ended.
const QUERIES: [&str; 6] = [
    "SELECT id, state, epoch, losses, lease_until_ms, holder, done, succeeded, failed, retries FROM parcel ORDER BY id",
    "SELECT batch, low, high, rows FROM result ORDER BY rowid",
    "SELECT batch, low, high, rows FROM failure ORDER BY rowid",
    "SELECT batch, call, args, reason, message, attempts, died_ms FROM dead_letter ORDER BY batch, call",
    "SELECT id, accepted, closed_ms, finished_ms, succeeded, failed, retries FROM batch ORDER BY id",
    "SELECT id, queue, receives FROM message ORDER BY id",
];

/// The rows of a file's tables, as text.
pub fn snapshot(database: &Path) -> Result<Vec<String>> {
    let db = Connection::open(database)?;
    let mut rows = Vec::new();
    for query in QUERIES {
        let mut statement = db.prepare(query)?;
        let columns = statement.column_count();
        let found =
            statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect::<Result<Vec<Value>, _>>())?;
        for row in found {
            rows.push(format!("{:?}", row?));
        }
    }
    Ok(rows)
}
