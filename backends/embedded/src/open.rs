//! Opening a file: the checks, each with its own error, then the connections and their threads.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};
use rustix::fs::Access;
use tokio::sync::Notify;

use super::{
    checkpointer::Checkpointer,
    committer::Committer,
    error::{Faults, OpenError},
    file_system,
    liveness::Lives,
    place::Place,
    reader::Reader,
    schema::{self, Found, PAGE_BYTES},
    store::Store,
    turnstile::Turnstile,
    writer::Writer,
};
use celeriac_core::{
    planner,
    ports::{Clock, Entropy, Ports, Profile, SystemClock, SystemEntropy, Threads},
};

/// How a file is opened.
#[derive(Clone)]
pub struct Options {
    /// Time. Defaults to the machine's.
    pub clock: Arc<dyn Clock>,
    /// Random bits. Defaults to the operating system's.
    pub entropy: Arc<dyn Entropy>,
    /// The most bytes of the file; a send that would make it larger is rejected. Defaults to the disk's size.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(SystemEntropy), max_bytes: None }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

/// Opens a database file, or makes it. Beside it there are the files of its write-ahead log, and a directory of
/// locks by which the processes that use it know of each other.
///
/// # Errors
/// When the file cannot be used; the error says why, and what to do.
pub fn open(path: &Path) -> Result<Ports, OpenError> {
    open_with(path, Options::default())
}

/// Opens a database file with other options than the usual.
///
/// # Errors
/// As [`open`].
pub fn open_with(path: &Path, options: Options) -> Result<Ports, OpenError> {
    check(path)?;
    let sql = |error| OpenError::sql(path, error);
    let io = |error| OpenError::io(path, error);
    let mut db = connect(path).map_err(sql)?;
    let is_new = is_new(path, &db)?;

    // SQLite puts the log beside the file that a link leads to, and the program may change its directory.
    let real = fs::canonicalize(path).map_err(io)?;
    let locks = beside(&real, "-locks");
    fs::create_dir_all(&locks).map_err(|error| OpenError::io(&locks, error))?;
    let turnstile = || Turnstile::open(&locks).map_err(|error| OpenError::io(&locks, error));
    if is_new {
        create(path, &db, &turnstile()?)?;
    }
    tune_writer(&db, options.max_bytes).map_err(sql)?;
    let reading = connect(path).and_then(|db| db.pragma_update(None, "query_only", true).map(|()| db)).map_err(sql)?;
    let copying = connect(path).map_err(sql)?;
    // It may have a turn: whoever reads for long is not waited for.
    copying.busy_timeout(Duration::ZERO).map_err(sql)?;

    let (checkpointer, gauge) = Checkpointer::start(copying, turnstile()?).map_err(io)?;
    db.wal_hook(Some(move |_: &mut _, pages| {
        gauge.note(pages as u32);
        Ok(())
    }))
    .map_err(sql)?;
    let faults = Faults::new(path);
    let wake = Arc::new(Notify::new());
    let log = beside(&real, "-wal");
    let committer = Committer::new(db, &log, Place::of(&real).map_err(io)?, turnstile()?, faults.clone(), wake.clone())
        .map_err(|error| OpenError::io(&log, error))?;
    let store = Arc::new(Store {
        writer: Writer::start(committer, faults.clone()).map_err(io)?,
        reader: Reader::start(reading, faults).map_err(io)?,
        _checkpointer: checkpointer,
        lives: Arc::new(Lives::new(&locks)),
        wake,
        clock: options.clock.clone(),
        entropy: options.entropy.clone(),
        swept_ms: 0.into(),
        walk: Arc::default(),
    });
    Ok(Ports {
        queue: store.clone(),
        ledger: store.clone(),
        batches: store.clone(),
        dead_letters: store.clone(),
        schedules: store.clone(),
        atomic: Some(store),
        clock: options.clock,
        entropy: options.entropy,
        blocking: Arc::new(Threads),
        // A checkpoint costs a sync of 0.1 ms to 1 ms, shared; a lease is for what liveness does not see, a
        // frozen process.
        profile: Profile { checkpoint_ms: 25, lease_ms: 30_000, ..planner::PROFILE },
    })
}

/// What can be said of a file without SQLite.
fn check(path: &Path) -> Result<(), OpenError> {
    let owned = || path.to_owned();
    // Where a link leads to is what counts; a file that is not there yet is no link.
    let real = fs::canonicalize(path).unwrap_or_else(|_| owned());
    let parent = match real.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = match fs::metadata(parent) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::NoDirectory { path: owned(), parent: parent.to_owned() });
        }
        Err(error) => return Err(OpenError::io(parent, error)),
    };
    if let Some(kind) = file_system::network(parent) {
        return Err(OpenError::Network { path: owned(), kind });
    }
    match fs::metadata(path) {
        Ok(file) if !file.is_file() => return Err(OpenError::NotAFile { path: owned() }),
        Ok(file) if file.permissions().readonly() => return Err(OpenError::ReadOnly { path: owned() }),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(OpenError::io(path, error)),
    }
    // The log and the locks are made beside it.
    if directory.permissions().readonly() {
        return Err(OpenError::ReadOnly { path: parent.to_owned() });
    }
    may_write(parent).and_then(|()| if path.exists() { may_write(path) } else { Ok(()) })
}

/// Asks without opening: closing a database file would drop the locks that this process has on it through SQLite.
fn may_write(path: &Path) -> Result<(), OpenError> {
    let access = Access::READ_OK | Access::WRITE_OK;
    rustix::fs::access(path, access).map_err(|error| OpenError::io(path, error.into()))
}

/// `celeriac.db-wal` and `celeriac.db-locks` beside `celeriac.db`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    // Ours wait at the turnstile; this is for a program that looks into the file.
    db.busy_timeout(Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(128);
    Ok(db)
}

/// Whether there is nothing in a file yet. Refuses what is not ours.
fn is_new(path: &Path, db: &Connection) -> Result<bool, OpenError> {
    match schema::recognise(db).map_err(|error| OpenError::sql(path, error))? {
        Found::Empty => Ok(true),
        Found::Ours => Ok(false),
        Found::Newer(found) => Err(OpenError::Newer { path: path.to_owned(), found }),
        Found::Foreign(found) => Err(OpenError::Foreign { path: path.to_owned(), found }),
    }
}

/// Makes the tables, unless another process is quicker.
fn create(path: &Path, db: &Connection, turnstile: &Turnstile) -> Result<(), OpenError> {
    let sql = |error| OpenError::sql(path, error);
    let _turn = turnstile.pass().map_err(|error| OpenError::io(path, error))?;
    if is_new(path, db)? {
        db.pragma_update(None, "page_size", PAGE_BYTES).map_err(sql)?;
        db.pragma_update(None, "journal_mode", "wal").map_err(sql)?;
        schema::create(db).map_err(sql)?;
    }
    Ok(())
}

fn tune_writer(db: &Connection, max_bytes: Option<u64>) -> rusqlite::Result<()> {
    // The committer syncs.
    db.pragma_update(None, "synchronous", "normal")?;
    // In KB. A group of operations fits, so that none of it goes to the log before the commit.
    db.pragma_update(None, "cache_size", -16_384)?;
    if let Some(bytes) = max_bytes {
        let page: u64 = db.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))? as u64;
        db.pragma_update_and_check(None, "max_page_count", (bytes / page) as i64, |_| Ok(()))?;
    }
    Ok(())
}
