//! The thread that moves the write-ahead log into the database file, so that no commit has to.
//!
//! While others write, the log is copied without stopping them; the little that came meanwhile is copied during a
//! turn at the turnstile, and the next commit starts the log from its beginning. The log's file keeps its size then,
//! which makes a sync cheaper than one that lets it grow. When nobody writes, it is emptied.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::{Connection, Row};

use super::{schema::PAGE_BYTES, turnstile::Turnstile};

/// From how many pages on the log is copied: 32 MB of it.
const LONG_PAGES: u32 = (32 << 20) / PAGE_BYTES;

/// How many pages may be left to copy during a turn: about 2 MB.
const REST_PAGES: u32 = (2 << 20) / PAGE_BYTES;

/// From how many pages on the writers are made to wait, whatever is left: they are faster than the disk.
const TOO_LONG_PAGES: u32 = 3 * LONG_PAGES;

/// How often the log is copied beside the writers before they are made to wait.
const ROUNDS: u32 = 4;

/// How long nothing must have been written for the log to be emptied.
const QUIET: Duration = Duration::from_secs(1);

/// The length of the log, as the last commit of this process saw it.
#[derive(Debug)]
pub(super) struct Gauge {
    pages: Arc<AtomicU32>,
    long: Arc<AtomicU32>,
    signal: mpsc::SyncSender<()>,
    /// How many rows the connection had changed when it was last asked.
    changes: u64,
}

impl Gauge {
    /// Notes the length after a commit on `db`, during its turn: after it the log may be started anew.
    pub(super) fn note(&mut self, db: &Connection) {
        let changes = db.total_changes();
        if changes == self.changes {
            // It wrote nothing: the log is as long as it was, and may be emptied.
            return;
        }
        self.changes = changes;
        // Copies nothing, and takes no lock of SQLite's: some microseconds.
        let pages = db.prepare_cached("PRAGMA wal_checkpoint(NOOP)").and_then(|mut noop| noop.query_row([], length));
        // It is asked again after the next commit; nothing is lost meanwhile.
        let Ok(pages) = pages else { return };
        self.pages.store(pages, Ordering::Relaxed);
        if pages >= self.long.load(Ordering::Relaxed) {
            // Full: it has been signalled already. Disconnected: the thread has ended.
            let _ = self.signal.try_send(());
        }
    }
}

/// The thread; ends with the gauges it gave out.
#[derive(Debug)]
pub(super) struct Checkpointer {
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread.
    pub(super) fn start(db: Connection, turnstile: Turnstile) -> io::Result<(Self, Gauge)> {
        let (signal, signals) = mpsc::sync_channel(1);
        let pages = Arc::new(AtomicU32::new(0));
        let long = Arc::new(AtomicU32::new(LONG_PAGES));
        let gauge = Gauge { pages: pages.clone(), long: long.clone(), signal, changes: 0 };
        let thread = std::thread::Builder::new()
            .name("celeriac-checkpointer".to_owned())
            .spawn(move || Thread { db, turnstile, pages, long, step_pages: REST_PAGES }.run(&signals))?;
        Ok((Self { thread: Some(thread) }, gauge))
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Thread {
    db: Connection,
    turnstile: Turnstile,
    pages: Arc<AtomicU32>,
    long: Arc<AtomicU32>,
    /// How much longer the log may become before it is tried again.
    step_pages: u32,
}

impl Thread {
    // What fails here fails again or succeeds the next time; the log grows meanwhile, and nothing is lost.
    fn run(mut self, signals: &mpsc::Receiver<()>) {
        let mut before = 0;
        loop {
            match signals.recv_timeout(QUIET) {
                Ok(()) => self.shorten(),
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let pages = self.pages.load(Ordering::Relaxed);
                    if pages != 0 && pages == before && self.empty() {
                        self.pages.store(0, Ordering::Relaxed);
                    }
                    before = pages;
                }
            }
        }
    }

    fn shorten(&mut self) {
        for _ in 0..ROUNDS {
            let left = copy(&self.db, "PRAGMA wal_checkpoint(PASSIVE)").unwrap_or(u32::MAX);
            if left <= REST_PAGES || self.pages.load(Ordering::Relaxed) >= TOO_LONG_PAGES {
                break;
            }
        }
        let left = match self.turnstile.pass() {
            Ok(_turn) => copy(&self.db, "PRAGMA wal_checkpoint(PASSIVE)").ok(),
            Err(_) => None,
        };
        let pages = self.pages.load(Ordering::Relaxed);
        let long = match left {
            Some(0) => {
                self.step_pages = REST_PAGES;
                LONG_PAGES
            }
            // Another process copies it and may fail, or someone reads. Whoever reads for long keeps the log from being
            // started anew: not every commit is a reason to try.
            Some(_) => {
                let step_pages = self.step_pages;
                self.step_pages = (2 * step_pages).min(LONG_PAGES);
                pages.saturating_add(step_pages)
            }
            // The disk was full, mostly. What is then freed is not for the log alone: the file needs some of it before
            // the log can be started anew.
            None => pages.saturating_add(REST_PAGES),
        };
        self.long.store(long, Ordering::Relaxed);
    }

    fn empty(&mut self) -> bool {
        let Ok(_turn) = self.turnstile.pass() else { return false };
        copy(&self.db, "PRAGMA wal_checkpoint(TRUNCATE)") == Ok(0)
    }
}

/// Copies what it can; answers how many pages are left.
fn copy(db: &Connection, pragma: &str) -> rusqlite::Result<u32> {
    db.query_row(pragma, [], |row| {
        let (busy, log, copied): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(if busy { u32::MAX } else { (log - copied).max(0) as u32 })
    })
}

/// How many pages are in the log, as a row of `PRAGMA wal_checkpoint` says it: -1 where there is none.
fn length(row: &Row<'_>) -> rusqlite::Result<u32> {
    Ok(row.get::<_, i64>(1)?.max(0) as u32)
}

#[cfg(test)]
mod tests {
    use rusqlite::OpenFlags;

    use super::*;

    #[test]
    fn a_log_that_could_not_be_copied_is_copied_soon() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("queue.db");
        let writing = Connection::open(&path).unwrap();
        writing.pragma_update(None, "journal_mode", "wal").unwrap();
        writing.execute_batch("CREATE TABLE page (bytes BLOB)").unwrap();
        // It may not write, as if the disk were full.
        let copying = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let (pages, long) = (Arc::new(AtomicU32::new(LONG_PAGES)), Arc::new(AtomicU32::new(LONG_PAGES)));
        let turnstile = Turnstile::open(directory.path()).unwrap();
        let mut thread = Thread { db: copying, turnstile, pages, long: long.clone(), step_pages: REST_PAGES };
        thread.shorten();
        assert_eq!(long.load(Ordering::Relaxed), LONG_PAGES + REST_PAGES, "it would take what is freed for itself");

        thread.db = Connection::open(&path).unwrap();
        thread.shorten();
        assert_eq!(long.load(Ordering::Relaxed), LONG_PAGES);

        // Someone who reads for long is asked less and less often.
        let reading = Connection::open(&path).unwrap();
        reading.execute_batch("BEGIN; SELECT * FROM page").unwrap();
        writing.execute_batch("INSERT INTO page VALUES (zeroblob(100000))").unwrap();
        let tried: Vec<u32> = (0..6)
            .map(|_| {
                thread.shorten();
                long.load(Ordering::Relaxed) - LONG_PAGES
            })
            .collect();
        assert_eq!(tried, [1, 2, 4, 8, 16, 16].map(|times| times * REST_PAGES));
    }
}
