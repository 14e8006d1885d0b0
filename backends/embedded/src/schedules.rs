//! Implements the port that remembers the sent runs of schedules.

use futures::future::{BoxFuture, FutureExt};
use rusqlite::{OptionalExtension, params};

use super::{messages::ms, store::FileStore, writer::Cost};
use celeriac_core::ports::{PortError, Schedules};

impl Schedules for FileStore {
    fn last(&self, schedule: &str) -> BoxFuture<'_, Result<Option<u64>, PortError>> {
        let name = schedule.to_owned();
        self.reader
            .run(move |db| {
                db.prepare_cached("SELECT due_ms FROM schedule WHERE name = ?1")?
                    .query_row([name], |row| row.get::<_, i64>(0).map(|due| due as u64))
                    .optional()
            })
            .boxed()
    }

    fn sent(&self, schedule: &str, due_ms: u64) -> BoxFuture<'_, Result<(), PortError>> {
        let name = schedule.to_owned();
        self.writer
            .run(Cost::durable(0), move |tx| {
                tx.db
                    .prepare_cached(
                        "INSERT INTO schedule (name, due_ms) VALUES (?1, ?2)
                         ON CONFLICT (name) DO UPDATE SET due_ms = max(due_ms, excluded.due_ms)",
                    )?
                    .execute(params![name, ms(due_ms)])
                    .map(|_| ())
            })
            .boxed()
    }
}
