//! The thread that moves the write-ahead log into the database file, so that no commit has to.
//!
//! It copies the log while others write, without stopping them. The little that was added meanwhile is copied during a
//! turn at the turnstile, and the next commit starts the log from its beginning. The log's file then keeps its size,
//! which makes a sync cheaper than growing it. When writing pauses, the log is copied as a whole, and
//! emptied if it is long.

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

/// The number of pages from which the log is copied: 32 MB.
const LONG_PAGES: u32 = (32 << 20) / PAGE_BYTES;

/// The most pages left to copy during a turn: about 2 MB.
const REST_PAGES: u32 = (2 << 20) / PAGE_BYTES;

/// The number of pages from which writers must wait in any case: they are faster than the disk.
const TOO_LONG_PAGES: u32 = 3 * LONG_PAGES;

/// How often the log is copied while others write, before they must wait.
const ROUNDS: u32 = 4;

/// The most pages of a log that is not cut when writing pauses: 4 MB. The next commits write over it, so that their syncs
/// need not write the file's size and blocks as well. It is copied when a process opens the file after a crash, which
/// takes some milliseconds.
const KEPT_PAGES: u32 = (4 << 20) / PAGE_BYTES;

/// The length of the log is read after this many commits, or bytes of them. A lone small call need not pay for it.
const COMMITS_PER_LOOK: u32 = 8;
const BYTES_PER_LOOK: usize = 1 << 20;

/// How long writing must pause before the log is emptied.
const QUIET: Duration = Duration::from_secs(1);

/// The length of the log at the last commit of this process.
#[derive(Debug)]
pub(super) struct Gauge {
    pages: Arc<AtomicU32>,
    long: Arc<AtomicU32>,
    /// How many commits there were in all.
    total: Arc<AtomicU32>,
    signal: mpsc::SyncSender<()>,
    /// The connection's count of changed rows when it was last read.
    changes: u64,
    /// The commits, and about how many bytes they had, since the length was read.
    commits: u32,
    bytes: usize,
}

impl Gauge {
    /// Notes the length after a commit of about this many bytes on `db`, within its turn; after the turn the log may be
    /// restarted.
    pub(super) fn note(&mut self, db: &Connection, bytes: usize) {
        let changes = db.total_changes();
        if changes == self.changes {
            // Nothing was written: the log has not grown, and may be emptied.
            return;
        }
        self.changes = changes;
        self.total.fetch_add(1, Ordering::Relaxed);
        (self.commits, self.bytes) = (self.commits + 1, self.bytes + bytes);
        let is_noted = self.pages.load(Ordering::Relaxed) != 0;
        if is_noted && self.commits < COMMITS_PER_LOOK && self.bytes < BYTES_PER_LOOK {
            return;
        }
        (self.commits, self.bytes) = (0, 0);
        // Copies nothing and takes no lock of SQLite's. It takes a few microseconds.
        let pages = db.prepare_cached("PRAGMA wal_checkpoint(NOOP)").and_then(|mut noop| noop.query_row([], length));
        // It is asked again after the next commit, and nothing is lost.
        let Ok(pages) = pages else { return };
        let before = self.pages.swap(pages, Ordering::Relaxed);
        if before == 0 || pages >= self.long.load(Ordering::Relaxed) {
            // Full: the thread has its signal already. Disconnected: the thread has ended.
            let _ = self.signal.try_send(());
        }
    }
}

/// The thread. It ends with the gauges it gave out.
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
        let total = Arc::new(AtomicU32::new(0));
        let gauge = Gauge {
            pages: pages.clone(),
            long: long.clone(),
            total: total.clone(),
            signal,
            changes: 0,
            commits: 0,
            bytes: 0,
        };
        let thread = std::thread::Builder::new()
            .name("celeriac-checkpointer".to_owned())
            .spawn(move || Thread { db, turnstile, pages, long, total, step_pages: REST_PAGES }.run(&signals))?;
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
    total: Arc<AtomicU32>,
    /// How much longer the log may become before the next try.
    step_pages: u32,
}

impl Thread {
    // A failed step may succeed the next time. Meanwhile the log grows, and nothing is lost.
    fn run(mut self, signals: &mpsc::Receiver<()>) {
        let mut before = 0;
        loop {
            let pages = self.pages.load(Ordering::Relaxed);
            // While the log is empty, it sleeps until the next commit.
            let signal = if pages == 0 {
                signals.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected)
            } else {
                signals.recv_timeout(QUIET)
            };
            match signal {
                Ok(()) if self.pages.load(Ordering::Relaxed) >= self.long.load(Ordering::Relaxed) => self.shorten(),
                Ok(()) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let total = self.total.load(Ordering::Relaxed);
                    if total == before && self.empty() && self.total.load(Ordering::Relaxed) == before {
                        self.pages.store(0, Ordering::Relaxed);
                    }
                    before = total;
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
            // Another process copies the log and may fail, or a long reader keeps it from being restarted. Not every
            // commit is a reason to try.
            Some(_) => {
                let step_pages = self.step_pages;
                self.step_pages = (2 * step_pages).min(LONG_PAGES);
                pages.saturating_add(step_pages)
            }
            // The disk was probably full. Space that is freed then is not for the log alone: the file needs some of it
            // before the log can be restarted.
            None => pages.saturating_add(REST_PAGES),
        };
        self.long.store(long, Ordering::Relaxed);
    }

    fn empty(&mut self) -> bool {
        let Ok(_turn) = self.turnstile.pass() else { return false };
        let is_short = self.pages.load(Ordering::Relaxed) <= KEPT_PAGES;
        let mode = if is_short { "PRAGMA wal_checkpoint(RESTART)" } else { "PRAGMA wal_checkpoint(TRUNCATE)" };
        copy(&self.db, mode) == Ok(0)
    }
}

/// Copies as much as possible; returns how many pages are left.
fn copy(db: &Connection, pragma: &str) -> rusqlite::Result<u32> {
    db.query_row(pragma, [], |row| {
        let (busy, log, copied): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(if busy { u32::MAX } else { (log - copied).max(0) as u32 })
    })
}

/// The number of pages in the log, from a row of `PRAGMA wal_checkpoint`: -1 if there is no log.
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
        // This connection cannot write, as if the disk were full.
        let copying = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let (pages, long) = (Arc::new(AtomicU32::new(LONG_PAGES)), Arc::new(AtomicU32::new(LONG_PAGES)));
        let turnstile = Turnstile::open(directory.path()).unwrap();
        let mut thread =
            Thread { db: copying, turnstile, pages, long: long.clone(), total: Arc::default(), step_pages: REST_PAGES };
        thread.shorten();
        assert_eq!(long.load(Ordering::Relaxed), LONG_PAGES + REST_PAGES, "the log would use up the freed space");

        thread.db = Connection::open(&path).unwrap();
        thread.shorten();
        assert_eq!(long.load(Ordering::Relaxed), LONG_PAGES);

        // A long reader is asked less and less often.
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
