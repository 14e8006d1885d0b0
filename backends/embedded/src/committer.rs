//! Writes, in group commits. A thread does that, and callers that block until their own operation is committed.
//!
//! All operations that wait when a transaction begins go into it, up to a bound on bytes and operations, and are
//! answered when it is committed. If one fails, all are rolled back and run one by one, so that each gets the answer it
//! would have got alone.
//!
//! SQLite commits without a sync (`synchronous = NORMAL`). The thread syncs the log itself, after its turn and only if
//! an operation asks for it. Other processes commit meanwhile, and `fdatasync` is enough where SQLite would call
//! `fsync`, which writes the file's times as well. Operations that are not durable (receives, hidings, claims, renewals)
//! may be lost when the machine dies. Then the processes that got their results are dead too. So they are answered
//! before the sync, and the next one covers them.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use rusqlite::Connection;

use super::{
    arrivals::Arrivals,
    bell::Bell,
    checkpointer::Gauge,
    error::{Faults, beside},
    place::FilePlace,
    transaction::{QueueNumbers, Tx},
    turnstile::Turnstile,
    writer::Pending,
};
use celeriac_core::ports::PortError;

/// The most bytes of a transaction with more than one operation. It then takes some milliseconds, which bounds another
/// process's wait for its turn.
const GROUP_BYTES: usize = 2 << 20;

/// The most operations of one transaction.
const GROUP_OPERATIONS: usize = 256;

/// Commits operations in groups.
pub(super) struct Committer {
    db: Connection,
    log: File,
    log_path: PathBuf,
    place: FilePlace,
    turnstile: Turnstile,
    gauge: Gauge,
    faults: Faults,
    announcer: Announcer,
    queues: QueueNumbers,
    /// Set once a sync has failed: the state of the log on the disk is then unknown, and nothing more may be written.
    broken: Option<PortError>,
}

/// Tells the receives that wait, here and in other processes, that there are messages.
#[derive(Debug)]
pub(super) struct Announcer {
    pub(super) arrivals: Arc<Arrivals>,
    pub(super) bell: Bell,
}

impl Announcer {
    fn announce(&mut self) {
        self.arrivals.own();
        self.bell.ring();
    }
}

impl Committer {
    /// A committer on `db`, which has been used before, so that its log exists at `log_path`.
    pub(super) fn new(
        db: Connection,
        log_path: &Path,
        place: FilePlace,
        turnstile: Turnstile,
        gauge: Gauge,
        faults: Faults,
        announcer: Announcer,
    ) -> io::Result<Self> {
        let log = File::open(log_path)?;
        let (log_path, queues) = (log_path.to_owned(), QueueNumbers::new());
        Ok(Self { db, log, log_path, place, turnstile, gauge, faults, announcer, queues, broken: None })
    }

    /// Commits operations until no more can come.
    pub(super) fn serve(committer: &Mutex<Self>, receiver: &mpsc::Receiver<Pending>) {
        let mut group = Vec::new();
        while let Ok(first) = receiver.recv() {
            // A thread that commits its own operation may have the committer. Meanwhile the group grows.
            let mut committer = committer.lock().unwrap_or_else(PoisonError::into_inner);
            let mut bytes = first.cost.bytes;
            group.push(first);
            while bytes < GROUP_BYTES && group.len() < GROUP_OPERATIONS {
                let Ok(next) = receiver.try_recv() else { break };
                bytes += next.cost.bytes;
                group.push(next);
            }
            committer.commit_and_answer(&mut group);
        }
    }

    /// Commits operations and answers them. Leaves `group` empty.
    pub(super) fn commit_and_answer(&mut self, group: &mut Vec<Pending>) {
        match self.commit(group) {
            Err(error) if group.len() > 1 && !matches!(error, PortError::Unknown { .. }) => {
                for alone in group.drain(..) {
                    let mut alone = vec![alone];
                    let outcome = self.commit(&mut alone);
                    answer(&mut alone, &outcome);
                }
            }
            outcome => answer(group, &outcome),
        }
    }

    /// Commits the operations of `group` and answers those that are not durable. The durable ones stay in it: the caller
    /// answers them.
    fn commit(&mut self, group: &mut Vec<Pending>) -> Result<(), PortError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        if let Some(lost) = self.place.lost() {
            return Err(self.faults.gone(lost));
        }
        let wakes = self.transact(group)?;
        // What may be lost with the machine does not wait for the disk. Other processes see it already.
        group.extract_if(.., |pending| !pending.cost.durable).for_each(|volatile| volatile.operation.answer(Ok(())));
        if !group.is_empty() {
            self.log.sync_data().map_err(|error| {
                self.broken = Some(self.faults.broken());
                self.faults.sync(error)
            })?;
            // Writes made meanwhile went to files at another path.
            if let Some(lost) = self.place.lost() {
                return Err(self.faults.gone_meanwhile(lost));
            }
        }
        if wakes {
            self.announcer.announce();
        }
        Ok(())
    }

    /// One turn. Returns whether there are new messages to receive.
    fn transact(&mut self, group: &mut [Pending]) -> Result<bool, PortError> {
        let _turn = self.turnstile.pass().map_err(|error| beside(&self.log_path, error))?;
        let ran = execute(&self.db, "BEGIN IMMEDIATE").and_then(|()| run_all(&self.db, &mut self.queues, group));
        let committed = match ran {
            Ok(wakes) => execute(&self.db, "COMMIT").map(|()| wakes).map_err(|error| self.faults.commit(error)),
            Err(error) => Err(self.faults.undone(error)),
        };
        if committed.is_ok() {
            let bytes = group.iter().map(|pending| pending.cost.bytes).sum();
            self.gauge.note(&self.db, bytes);
        } else {
            self.queues.clear();
            if !self.db.is_autocommit() {
                // A rollback that fails leaves the transaction to the next `BEGIN`, which then fails too.
                let _ = execute(&self.db, "ROLLBACK");
            }
        }
        committed
    }
}

fn run_all(db: &Connection, queues: &mut QueueNumbers, group: &mut [Pending]) -> rusqlite::Result<bool> {
    let mut tx = Tx::new(db, queues);
    group.iter_mut().try_for_each(|pending| pending.operation.run(&mut tx))?;
    Ok(tx.wakes())
}

fn execute(db: &Connection, sql: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute([]).map(|_| ())
}

fn answer(group: &mut Vec<Pending>, outcome: &Result<(), PortError>) {
    for pending in group.drain(..) {
        pending.operation.answer(outcome.clone());
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::{
        checkpointer::Checkpointer,
        format,
        writer::{Cost, Writer},
    };

    /// A writer to an empty file whose log is synced through `log`, and a second connection to it.
    fn writer(directory: &TempDir, log: &str) -> (Writer, Connection) {
        let path = directory.path().join("queue.db");
        let connect = || Connection::open(&path).unwrap();
        let db = connect();
        db.pragma_update(None, "journal_mode", "wal").unwrap();
        db.busy_timeout(std::time::Duration::ZERO).unwrap();
        format::create(&db, format::STEPS).unwrap();
        let (faults, turnstile) = (Faults::new(Path::new("queue.db")), Turnstile::open(directory.path()).unwrap());
        let copying = Turnstile::open(directory.path()).unwrap();
        let (checkpointer, gauge) = Checkpointer::start(connect(), copying).unwrap();
        // Its thread ends with the gauge, which the writer holds.
        std::mem::forget(checkpointer);
        let (log, place) = (directory.path().join(log), FilePlace::of(&path).unwrap());
        let announcer = Announcer { arrivals: Arc::default(), bell: Bell::new(directory.path()).unwrap() };
        let committer = Committer::new(db, &log, place, turnstile, gauge, faults.clone(), announcer);
        (Writer::start(committer.unwrap(), faults).unwrap(), connect())
    }

    async fn remember(writer: &Writer, cost: Cost) -> Result<usize, String> {
        let insert = "INSERT OR REPLACE INTO schedule (name, due_ms) VALUES ('report.nightly', 1)";
        writer.run(cost, move |tx| tx.db.execute(insert, [])).await.map_err(|error| format!("{error:?}: {error}"))
    }

    #[tokio::test]
    async fn nothing_is_built_on_a_log_that_could_not_be_synced() {
        let directory = tempfile::tempdir().unwrap();
        // The null device cannot be synced.
        let (writer, _) = writer(&directory, "/dev/null");
        remember(&writer, Cost::VOLATILE).await.expect("it asks for no sync");
        let unknown = remember(&writer, Cost::durable(0)).await.unwrap_err();
        assert!(unknown.starts_with("Unknown"), "{unknown}");
        assert!(unknown.contains(": the log of `queue.db` could not be synced: "), "{unknown}");
        assert!(unknown.ends_with("; look at the disk, then start again"), "{unknown}");
        let after = remember(&writer, Cost::VOLATILE).await.unwrap_err();
        assert!(after.starts_with("Gone"), "{after}");
        assert!(after.contains("nothing is written to `queue.db` since the disk failed; look at the disk"), "{after}");
    }

    #[tokio::test]
    async fn a_program_that_keeps_the_file_locked_is_named_as_the_cause() {
        let directory = tempfile::tempdir().unwrap();
        let (writer, other) = writer(&directory, "queue.db-wal");
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let locked = remember(&writer, Cost::durable(0)).await.unwrap_err();
        assert!(locked.starts_with("Unavailable"), "{locked}");
        assert!(locked.ends_with("`queue.db` is locked by a program that is not celeriac; close it"), "{locked}");
        other.execute_batch("ROLLBACK").unwrap();
        remember(&writer, Cost::durable(0)).await.expect("nobody locks it");
    }
}
