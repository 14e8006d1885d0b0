//! Reads what a file says about the parcels that one process holds.

use std::path::Path;

use anyhow::Result;
use rusqlite::{Connection, types::Value};
use rustix::process::Pid;

/// The rows of parcels that a process holds, and of their messages, which it has hidden for as long. It has also hidden
/// the messages of parcels held by others, until the end of those leases: here at least ten seconds before its own.
const QUERIES: [&str; 2] = [
    "SELECT id, epoch, losses, lease_until_ms, life, done, window, succeeded, failed, unknown, retries FROM parcel
     WHERE state = 0 AND holder = ?1 ORDER BY id",
    "SELECT id, visible_ms, receives, token FROM message, (
        SELECT life AS holding, min(lease_until_ms) AS until_ms FROM parcel
        WHERE state = 0 AND holder = ?1 GROUP BY life
     ) WHERE life = holding AND visible_ms > until_ms - 10000 ORDER BY id",
];

/// These rows, as text.
pub fn held(database: &Path, process: Pid) -> Result<Vec<String>> {
    let db = Connection::open(database)?;
    let holder = format!("worker-{}", process.as_raw_nonzero());
    let mut rows = Vec::new();
    for query in QUERIES {
        let mut statement = db.prepare(query)?;
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at)).collect::<Result<Vec<Value>, _>>();
        for found in statement.query_map([&holder], row)? {
            rows.push(format!("{:?}", found?));
        }
    }
    Ok(rows)
}
