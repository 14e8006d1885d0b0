//! The tables of the newest format. A change here is a new format, and needs a step in `format.rs`.
//!
//! Times are milliseconds since 1970; ids are their sixteen bytes. Frequent updates are in small rows; large values are
//! written once, in their own rows.

/// Fixed when a file is made. Measured: with 16 KB, parcels of 256 KB are accepted half again as fast as with 4 KB
/// (fewer frames to write, and shorter chains of them), and a lone call costs no more.
pub(super) const PAGE_BYTES: u32 = 16384;

/// The columns of a [`celeriac_core::ports::Tally`], in the order of its fields.
macro_rules! tally_columns {
    () => {
        "succeeded INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
         timed_out INTEGER NOT NULL DEFAULT 0, crashed INTEGER NOT NULL DEFAULT 0,
         revoked INTEGER NOT NULL DEFAULT 0, expired INTEGER NOT NULL DEFAULT 0,
         unknown INTEGER NOT NULL DEFAULT 0, retries INTEGER NOT NULL DEFAULT 0"
    };
}

pub(super) const TABLES: &str = concat!(
    "
    CREATE TABLE queue (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

    -- A message's body is in `bytes` if it is small, else in `body`.
    -- `token` is that of the last delivery's receipt, `life` the process that has it. A buried message is visible at
    -- the end of time. `lane`: 0 interactive, 1 bulk. It is before the time in the index, so that a receive of one lane
    -- passes over no message of the other.
    CREATE TABLE message (
        id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, visible_ms INTEGER NOT NULL, sent_ms INTEGER NOT NULL,
        receives INTEGER NOT NULL DEFAULT 0, token INTEGER, life INTEGER, bytes BLOB,
        lane INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX message_visible ON message (queue, lane, visible_ms);
    CREATE INDEX message_life ON message (life) WHERE life IS NOT NULL;
    CREATE TABLE body (message INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE buried (message INTEGER PRIMARY KEY, buried_ms INTEGER NOT NULL, reason TEXT NOT NULL);

    -- `state`: 0 open, 1 sealed, 2 finished.
    CREATE TABLE parcel (
        rowid INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, batch BLOB NOT NULL, counted INTEGER NOT NULL,
        first INTEGER NOT NULL, count INTEGER NOT NULL, root INTEGER NOT NULL, keep_until_ms INTEGER NOT NULL,
        state INTEGER NOT NULL DEFAULT 0, epoch INTEGER NOT NULL, losses INTEGER NOT NULL DEFAULT 0,
        lease_until_ms INTEGER NOT NULL, life INTEGER NOT NULL, holder TEXT NOT NULL,
        done BLOB NOT NULL DEFAULT x'', window BLOB, seal BLOB, ",
    tally_columns!(),
    ");
    CREATE INDEX parcel_root ON parcel (batch, first) WHERE root = 1;
    CREATE INDEX parcel_unfinished ON parcel (batch) WHERE state <> 2 AND counted = 1;

    -- The lives of processes that have ended: what they had claimed is free.
    CREATE TABLE ended (
        rowid INTEGER PRIMARY KEY, life INTEGER NOT NULL UNIQUE, keep_until_ms INTEGER NOT NULL
    );

    -- What one checkpoint recorded, as MessagePack; `low` and `high` are the indexes it is about.
    CREATE TABLE result (
        rowid INTEGER PRIMARY KEY, batch BLOB NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
        keep_until_ms INTEGER NOT NULL, rows BLOB NOT NULL
    );
    CREATE INDEX result_call ON result (batch, low, high);
    CREATE TABLE failure (
        rowid INTEGER PRIMARY KEY, batch BLOB NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
        keep_until_ms INTEGER NOT NULL, rows BLOB NOT NULL
    );
    CREATE INDEX failure_call ON failure (batch, low, high);

    -- `closed_ms` and `finished_ms` are null until then.
    CREATE TABLE batch (
        rowid INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, name TEXT NOT NULL, task TEXT NOT NULL,
        created_ms INTEGER NOT NULL, accepted INTEGER NOT NULL DEFAULT 0, closed_ms INTEGER,
        stopped INTEGER NOT NULL DEFAULT 0, finished_ms INTEGER, ",
    tally_columns!(),
    ");
    -- `owed_ms` is when it was last handed to someone to send, null until the batch is complete.
    CREATE TABLE callback (
        batch BLOB PRIMARY KEY, queue TEXT NOT NULL, due_ms INTEGER NOT NULL, bytes BLOB NOT NULL, owed_ms INTEGER
    );

    CREATE TABLE dead_letter (
        rowid INTEGER PRIMARY KEY, batch BLOB NOT NULL, call INTEGER NOT NULL, counted INTEGER NOT NULL,
        task TEXT NOT NULL, queue TEXT NOT NULL, args BLOB NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
        attempts INTEGER NOT NULL, died_ms INTEGER NOT NULL, UNIQUE (batch, call)
    );

    CREATE TABLE schedule (name TEXT PRIMARY KEY, due_ms INTEGER NOT NULL) WITHOUT ROWID;
"
);
