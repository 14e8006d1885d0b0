//! Opens a file: the checks, each with its own error, then the connections and their threads.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use rustix::fs::Access;

use super::{
    arrivals::Arrivals,
    bell::Bell,
    beside,
    checkpointer::Checkpointer,
    committer::{Announcer, Committer},
    error::{Faults, OpenError},
    file_system,
    folder::Folder,
    format::{self, Found, Steps},
    liveness::Lives,
    lulls::Lulls,
    names,
    place::FilePlace,
    reader::Reader,
    schema::PAGE_BYTES,
    store::FileStore,
    turnstile::Turnstile,
    url, version,
    writer::Writer,
};
use celeriac_core::{
    planner,
    ports::{Clock, Entropy, Ports, Profile, SystemClock, SystemEntropy, Threads},
};

/// SQLite's smallest page size. It takes a shorter file for an empty database, and overwrites it.
const SMALLEST_BYTES: u64 = 512;

/// Options for opening a file: [`Options::default`], and changes to it.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// Time. Defaults to the machine's.
    pub clock: Arc<dyn Clock>,
    /// Random bits. Defaults to the operating system's.
    pub entropy: Arc<dyn Entropy>,
    /// The most bytes of the file; a send that would make it larger is rejected. Defaults to the disk's size.
    pub max_bytes: Option<u64>,
}

impl Options {
    /// See [`clock`](field@Options::clock).
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// See [`entropy`](field@Options::entropy).
    #[must_use]
    pub fn entropy(self, entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, ..self }
    }

    /// See [`max_bytes`](field@Options::max_bytes).
    #[must_use]
    pub fn max_bytes(self, bytes: impl Into<Option<u64>>) -> Self {
        Self { max_bytes: bytes.into(), ..self }
    }
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

/// Opens a database file, or creates it. Next to it are the files of its write-ahead log, and a directory of locks
/// through which the processes that use it know of each other.
///
/// # Errors
/// If the file cannot be used. The error says why, and names the cure.
pub fn open(path: &Path) -> Result<Ports, OpenError> {
    open_with(path, Options::default())
}

/// Opens a database file with these options.
///
/// # Errors
/// As [`open`].
pub fn open_with(path: &Path, options: Options) -> Result<Ports, OpenError> {
    open_in(path, options, format::STEPS)
}

/// Opens a file in the format after these steps.
fn open_in(path: &Path, options: Options, steps: Steps) -> Result<Ports, OpenError> {
    version::warn_once();
    let sql = |error| OpenError::sql(path, error);
    let io = |error| OpenError::io(path, error);
    // SQLite puts the log next to the target of a link, and the program may change its directory.
    let checked = check(path)?;
    let real = checked.real.as_path();
    let mut db = connect(real).map_err(sql)?;
    // Before any file is created next to it.
    let found = recognise(path, &db, steps)?;
    if found == Found::Empty && checked.bytes.is_some_and(|bytes| (1..SMALLEST_BYTES).contains(&bytes)) {
        let what = "file is not a database".to_owned();
        return Err(OpenError::NotADatabase { path: path.to_owned(), what });
    }
    let locks = beside(real, "-locks");
    let turnstile = || Turnstile::open(&locks).map_err(|error| OpenError::io(&locks, error));
    if let Found::Older(_) = found {
        migrate(path, &mut db, &locks, &mut turnstile()?, steps)?;
    }
    let folder = Folder::enter(&locks).map_err(|error| OpenError::io(&locks, error))?;
    // From here on no other process can change its format; before, one may have.
    if recognise(path, &db, steps)? == Found::Empty {
        create(path, &db, &mut turnstile()?, checked.bytes == Some(0), steps)?;
    }
    tune_writer(&db, options.max_bytes).map_err(sql)?;
    let reading = connect(real).and_then(|db| db.pragma_update(None, "query_only", true).map(|()| db)).map_err(sql)?;
    let copying = connect(real).map_err(sql)?;
    // It may have a turn at the turnstile, so it does not wait for long readers.
    copying.busy_timeout(Duration::ZERO).map_err(sql)?;

    let (checkpointer, gauge) = Checkpointer::start(copying, turnstile()?).map_err(io)?;
    let faults = Faults::new(path);
    let arrivals = Arc::new(Arrivals::default());
    let bell = Bell::new(&locks).map_err(|error| OpenError::io(&locks, error))?;
    let (log, place) = (beside(real, "-wal"), FilePlace::of(real).map_err(io)?);
    let announcer = Announcer { arrivals: Arc::clone(&arrivals), bell };
    let committer = Committer::new(db, &log, place.clone(), turnstile()?, gauge, faults.clone(), announcer)
        .map_err(|error| OpenError::io(&log, error))?;
    let store = Arc::new(FileStore {
        writer: Writer::start(committer, faults.clone()).map_err(io)?,
        reader: Reader::start(reading, place, faults).map_err(io)?,
        _checkpointer: checkpointer,
        lives: Arc::new(Lives::new(&locks)),
        _folder: folder,
        arrivals,
        watcher: OnceLock::new(),
        lulls: Lulls::default(),
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
        // A checkpoint costs a shared sync of 0.1 ms to 1 ms. The lease covers what liveness cannot detect: a frozen
        // process.
        profile: Profile { checkpoint_ms: 25, lease_ms: 30_000, ..planner::PROFILE },
        url: url::of(real),
    })
}

/// The facts about a file that need no SQLite.
struct Checked {
    /// The target of its links.
    real: PathBuf,
    /// Its length, if it existed.
    bytes: Option<u64>,
}

/// Checks a file without SQLite.
fn check(path: &Path) -> Result<Checked, OpenError> {
    let owned = || path.to_owned();
    let real = match names::real(path) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::NoDirectory { path: owned(), parent: parent_of(path).to_owned() });
        }
        Err(error) => return Err(OpenError::io(path, error)),
    };
    let parent = parent_of(&real);
    let directory = fs::metadata(parent).map_err(|error| OpenError::io(parent, error))?;
    if let Some(kind) = file_system::network(parent) {
        return Err(OpenError::Network { path: owned(), kind });
    }
    let file = match fs::metadata(&real) {
        Ok(file) if !file.is_file() => return Err(OpenError::NotAFile { path: owned() }),
        Ok(file) if file.permissions().readonly() => return Err(OpenError::ReadOnly { path: owned() }),
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(OpenError::io(path, error)),
    };
    if let Some(file) = &file {
        names::refuse_second(path, &real, file)?;
    }
    // The log and the locks are created in its directory.
    if directory.permissions().readonly() {
        return Err(OpenError::ReadOnly { path: parent.to_owned() });
    }
    may_write(parent)?;
    if file.is_some() {
        may_write(path)?;
    }
    Ok(Checked { real, bytes: file.map(|file| file.len()) })
}

/// The directory that a file is in.
fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Checks without opening: closing a database file would drop the locks that SQLite holds on it in this process.
fn may_write(path: &Path) -> Result<(), OpenError> {
    let access = Access::READ_OK | Access::WRITE_OK;
    rustix::fs::access(path, access).map_err(|error| OpenError::io(path, error.into()))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    // Our own processes wait at the turnstile; this is for other programs that read the file.
    db.busy_timeout(Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(128);
    // Otherwise SQLite prepares a statement again whenever a value is bound that a better plan might depend on, even for
    // each lookup by id.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(db)
}

/// Recognises a file. Refuses files that are not ours.
fn recognise(path: &Path, db: &Connection, steps: Steps) -> Result<Found, OpenError> {
    let (owned, newest) = (|| path.to_owned(), format::newest(steps));
    match format::recognise(db, steps).map_err(|error| OpenError::sql(path, error))? {
        Found::Newer(found) => Err(OpenError::Newer { path: owned(), found, newest }),
        Found::Unnumbered => Err(OpenError::Unnumbered { path: owned() }),
        Found::Foreign(found) => Err(OpenError::Foreign { path: owned(), found }),
        found => Ok(found),
    }
}

/// Makes the tables, unless another process is faster.
fn create(
    path: &Path,
    db: &Connection,
    turnstile: &mut Turnstile,
    was_empty: bool,
    steps: Steps,
) -> Result<(), OpenError> {
    let sql = |error| OpenError::sql(path, error);
    let _turn = turnstile.pass().map_err(|error| OpenError::io(path, error))?;
    if recognise(path, db, steps)? != Found::Empty {
        return Ok(());
    }
    db.pragma_update(None, "page_size", PAGE_BYTES).map_err(sql)?;
    db.pragma_update(None, "journal_mode", "wal").map_err(sql)?;
    format::create(db, steps).map_err(sql)?;
    if was_empty {
        tracing::warn!(file = %path.display(), "the file was there and empty; it is a database now");
    }
    Ok(())
}

/// Upgrades a file to the newest format, unless another process is faster. No process may use it meanwhile.
fn migrate(
    path: &Path,
    db: &mut Connection,
    locks: &Path,
    turnstile: &mut Turnstile,
    steps: Steps,
) -> Result<(), OpenError> {
    let io = |error| OpenError::io(locks, error);
    let _turn = turnstile.pass().map_err(io)?;
    let Found::Older(found) = recognise(path, db, steps)? else { return Ok(()) };
    let newest = format::newest(steps);
    let Some(_alone) = Folder::alone(locks).map_err(io)? else {
        return Err(OpenError::InUse { path: path.to_owned(), found, newest });
    };
    format::migrate(db, steps).map_err(|error| OpenError::sql(path, error))?;
    tracing::info!(file = %path.display(), from = found, to = newest, "changed the format of the database");
    Ok(())
}

fn tune_writer(db: &Connection, max_bytes: Option<u64>) -> rusqlite::Result<()> {
    // The checkpointer moves the log.
    db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    // The committer syncs.
    db.pragma_update(None, "synchronous", "normal")?;
    // In KB. A group of operations fits, so that nothing is written to the log before the commit.
    db.pragma_update(None, "cache_size", -16_384)?;
    if let Some(bytes) = max_bytes {
        let page: u64 = db.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))? as u64;
        db.pragma_update_and_check(None, "max_page_count", (bytes / page) as i64, |_| Ok(()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Steps = &["ALTER TABLE queue ADD COLUMN paused INTEGER NOT NULL DEFAULT 0"];

    #[tokio::test]
    async fn a_file_of_an_older_format_is_changed_once_no_other_process_uses_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("queue.db");
        let older = open_in(&path, Options::default(), &[]).unwrap();
        let message = celeriac_core::ports::Outgoing::of("mail", "hello", 0);
        older.queue.send(vec![message]).await.remove(0).unwrap();
        let error = open_in(&path, Options::default(), STEP).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "`{}` has format 1, which this version of celeriac changes to format 2, and other processes use it; stop \
                 them, then start this program first",
                path.display()
            )
        );
        drop(older);
        // Several may start at once: one upgrades it, and the others wait.
        let newer = std::thread::scope(|scope| {
            let opened = [(); 4].map(|()| scope.spawn(|| open_in(&path, Options::default(), STEP).unwrap()));
            opened.map(|opened| opened.join().unwrap())
        });
        assert_eq!(newer[0].queue.depths().await.unwrap()[0].ready, 1);
        let error = open_in(&path, Options::default(), &[]).unwrap_err().to_string();
        assert!(
            error.contains("has format 2 of a newer version of celeriac, and this one reads up to format 1"),
            "{error}"
        );
    }
}
