//! Formats of the file: recognises our files, and upgrades older ones to the newest format.
//!
//! The header's `application_id` marks the file as ours, and its `user_version` is its format. A change to the tables
//! in `schema.rs` is a new format: append a step from the previous format to [`STEPS`]. New files have the newest
//! format.

use rusqlite::Connection;

use super::schema;

/// `celr` in the file's header, by which `file` and other programs recognise it.
pub(super) const APPLICATION_ID: i32 = 0x6365_6c72;

/// The format of a file before any step.
const FIRST: i32 = 1;

/// SQL for each upgrade: the first step upgrades format 1 to format 2.
pub(super) type Steps = &'static [&'static str];

/// The steps to the newest format.
pub(super) const STEPS: Steps = &[LANES];

/// Format 2: parcels that no batch counts are in no index of batches, and messages have a lane. A message of format 1 has none in its header, so it is in the usual lane of its calls:
/// bulk if its header says that a batch counts them. The pattern is that field in `MessagePack`, a name and a value, within
/// the longest envelope and header.
const LANES: &str = "
    ALTER TABLE message ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;
    UPDATE message SET lane = 1 WHERE instr(
        substr(coalesce(bytes, (SELECT bytes FROM body WHERE body.message = message.id)), 1, 4102),
        x'a7636f756e746564c3'
    ) > 0;
    DROP INDEX message_visible;
    CREATE INDEX message_visible ON message (queue, lane, visible_ms);
    DROP INDEX parcel_unfinished;
    CREATE INDEX parcel_unfinished ON parcel (batch) WHERE state <> 2 AND counted = 1;
";

/// The format after these steps.
pub(super) const fn newest(steps: Steps) -> i32 {
    FIRST + steps.len() as i32
}

/// The kinds of files.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing yet.
    Empty,
    /// Ours, in the newest format.
    Ours,
    /// Ours, in an earlier format.
    Older(i32),
    /// Ours, in a later format.
    Newer(i32),
    /// Ours, from before formats had numbers.
    Unnumbered,
    /// Another program's, with this application id.
    Foreign(i32),
}

/// Recognises a file.
pub(super) fn recognise(db: &Connection, steps: Steps) -> rusqlite::Result<Found> {
    // In one snapshot, since another process may be making the tables.
    let db = db.unchecked_transaction()?;
    let application: i32 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version = version(&db)?;
    let tables = |which: &str| {
        let count = format!("SELECT count(*) FROM sqlite_schema {which}");
        db.query_row(&count, [], |row| row.get::<_, i64>(0))
    };
    if application != APPLICATION_ID {
        let is_empty = application == 0 && version == 0 && tables("")? == 0;
        return Ok(if is_empty { Found::Empty } else { Found::Foreign(application) });
    }
    // Programs before the first release also wrote 1, but had no table `ended`.
    if version < FIRST || (version == FIRST && tables("WHERE name = 'ended'")? == 0) {
        return Ok(Found::Unnumbered);
    }
    Ok(match version {
        newer if newer > newest(steps) => Found::Newer(newer),
        older if older < newest(steps) => Found::Older(older),
        _ => Found::Ours,
    })
}

/// Makes the tables in an empty file: all or none.
pub(super) fn create(db: &Connection, steps: Steps) -> rusqlite::Result<()> {
    let tables = schema::TABLES;
    db.execute_batch(&format!(
        "BEGIN IMMEDIATE; {tables} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}; COMMIT",
        newest(steps)
    ))
}

/// Takes the missing steps, each in one transaction. After an error the file has the format of the last completed step.
pub(super) fn migrate(db: &mut Connection, steps: Steps) -> rusqlite::Result<()> {
    for (format, step) in (FIRST + 1..).zip(steps) {
        let step_db = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        if version(&step_db)? + 1 == format {
            step_db.execute_batch(step)?;
            step_db.pragma_update(None, "user_version", format)?;
            step_db.commit()?;
        }
    }
    Ok(())
}

fn version(db: &Connection) -> rusqlite::Result<i32> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use celeriac_core::{
        id::{BatchId, ParcelId},
        parcel::{Packer, Packing},
        wire::Header,
    };
    use rusqlite::params;

    use super::*;

    const TWO_STEPS: Steps = &[
        "ALTER TABLE queue ADD COLUMN paused INTEGER NOT NULL DEFAULT 0; INSERT INTO queue (name) VALUES ('second')",
        "UPDATE queue SET paused = 1",
    ];

    /// An empty file in the first format.
    fn first() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        create(&db, &[]).unwrap();
        db.execute_batch("INSERT INTO queue (name) VALUES ('first')").unwrap();
        db
    }

    #[test]
    fn a_file_takes_the_steps_that_it_has_not_taken() {
        let mut db = first();
        assert_eq!(recognise(&db, TWO_STEPS).unwrap(), Found::Older(1));
        migrate(&mut db, &TWO_STEPS[..1]).unwrap();
        assert_eq!(recognise(&db, TWO_STEPS).unwrap(), Found::Older(2));
        migrate(&mut db, TWO_STEPS).unwrap();
        migrate(&mut db, TWO_STEPS).unwrap();
        assert_eq!(recognise(&db, TWO_STEPS).unwrap(), Found::Ours);
        assert_eq!(recognise(&db, &[]).unwrap(), Found::Newer(3));
        let paused: (i64, i64) =
            db.query_row("SELECT count(*), sum(paused) FROM queue", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(paused, (2, 2), "each step was taken once");
    }

    /// The message tables of format 1, as its programs made them.
    const MESSAGES_1: &str = "
        DROP TABLE message;
        CREATE TABLE message (
            id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, visible_ms INTEGER NOT NULL, sent_ms INTEGER NOT NULL,
            receives INTEGER NOT NULL DEFAULT 0, token INTEGER, life INTEGER, bytes BLOB
        );
        CREATE INDEX message_visible ON message (queue, visible_ms);
        CREATE INDEX message_life ON message (life) WHERE life IS NOT NULL;
    ";

    /// Each message is in the lane in which a program of today would send it.
    #[test]
    fn messages_of_the_first_format_are_in_the_usual_lane_of_their_calls() {
        let mut db = first();
        db.execute_batch(MESSAGES_1).unwrap();
        let parcel = |counted: bool, calls: usize| {
            let batch = BatchId::new(1_700_000_000_000, 7);
            let mut packer = Packer::new(Packing { calls: 4096, bytes: 256 << 10, call_bytes: 256 << 10 });
            (0..calls).for_each(|call| packer.push(&call.to_le_bytes()));
            let header = Header::new(ParcelId::root(batch, 0), batch, 0, "mail.send", "first");
            packer.encode(Header { counted, ..header }).to_vec()
        };
        // Small bodies are in the row, large ones apart.
        for (id, bytes) in [(1, parcel(false, 1)), (2, parcel(true, 1)), (3, b"hello".to_vec())] {
            db.execute(
                "INSERT INTO message (id, queue, visible_ms, sent_ms, bytes) VALUES (?1, 1, ?1, 0, ?2)",
                params![id, bytes],
            )
            .unwrap();
        }
        for (id, bytes) in [(4, parcel(false, 4000)), (5, parcel(true, 4000))] {
            db.execute("INSERT INTO message (id, queue, visible_ms, sent_ms, receives) VALUES (?1, 1, ?1, 0, 3)", [id])
                .unwrap();
            db.execute("INSERT INTO body (message, bytes) VALUES (?1, ?2)", params![id, bytes]).unwrap();
        }
        migrate(&mut db, STEPS).unwrap();
        assert_eq!(recognise(&db, STEPS).unwrap(), Found::Ours);
        let mut lanes = db.prepare("SELECT lane FROM message ORDER BY id").unwrap();
        let lanes: Vec<i64> = lanes.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(lanes, [0, 1, 0, 0, 1]);
        // It has the tables of a new file.
        let new = Connection::open_in_memory().unwrap();
        create(&new, STEPS).unwrap();
        assert_eq!(schema_of(&db), schema_of(&new));
    }

    /// A receive must not pass over the messages of the other lane.
    #[test]
    fn a_lane_is_found_by_its_index() {
        let db = Connection::open_in_memory().unwrap();
        create(&db, STEPS).unwrap();
        let plan: String = db
            .query_row(
                "EXPLAIN QUERY PLAN SELECT id, receives, sent_ms FROM message
                 WHERE queue = 1 AND lane = 0 AND visible_ms <= 5 ORDER BY visible_ms, id LIMIT 3",
                [],
                |row| row.get(3),
            )
            .unwrap();
        assert_eq!(plan, "SEARCH message USING INDEX message_visible (queue=? AND lane=? AND visible_ms<?)");
    }

    /// What the tables and indexes have, whatever text made them.
    fn schema_of(db: &Connection) -> Vec<String> {
        let mut columns = db
            .prepare(
                "SELECT table_name || '.' || column.name || ' ' || column.type || ' ' || column.\"notnull\"
                 FROM (SELECT name AS table_name FROM sqlite_schema WHERE type IN ('table', 'index')),
                 pragma_table_xinfo(table_name) AS column
                 UNION ALL
                 SELECT index_name || ': ' || coalesce(part.name, '') || part.seqno
                 FROM (SELECT name AS index_name FROM sqlite_schema WHERE type = 'index'),
                 pragma_index_xinfo(index_name) AS part
                 ORDER BY 1",
            )
            .unwrap();
        columns.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_step_that_fails_leaves_the_format_before_it() {
        const FAILS: Steps = &[TWO_STEPS[0], "UPDATE queue SET paused = 1; INSERT INTO nowhere VALUES (1)"];
        let mut db = first();
        migrate(&mut db, FAILS).unwrap_err();
        assert_eq!(recognise(&db, FAILS).unwrap(), Found::Older(2));
        let paused: i64 = db.query_row("SELECT sum(paused) FROM queue", [], |row| row.get(0)).unwrap();
        assert_eq!(paused, 0, "none of it was done");
    }

    #[test]
    fn a_file_of_the_time_before_formats_had_numbers_is_recognised() {
        for change in ["PRAGMA user_version = 0", "DROP TABLE ended"] {
            let db = first();
            db.execute_batch(change).unwrap();
            assert_eq!(recognise(&db, &[]).unwrap(), Found::Unnumbered, "{change}");
        }
    }
}
