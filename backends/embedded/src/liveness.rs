//! Detects dead processes. Each process that receives or claims holds the lock of its own file until it ends, however
//! it ends. Its rows carry the number of its *life*.
//!
//! An unlocked file proves that its process is dead, if it is the file that the process made. The death is then noted
//! in the database, and the file is removed. A file that is missing, empty or replaced proves nothing, since other
//! programs may remove and replace files: then the leases decide.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{Connection, OptionalExtension, params};

use super::{folder::Folder, messages::ms, transaction::Tx};
use celeriac_core::ports::Entropy;

const PREFIX: &str = "live-";

/// How long a death is remembered: longer than any lease.
const KEEP_MS: u64 = 20 * 24 * 3_600_000;

/// The lives next to one database file.
#[derive(Debug)]
pub(super) struct Lives {
    directory: PathBuf,
    /// The newest is the last. The files of the others were removed, but running calls may still belong to them. Their
    /// locks are kept: a released lock means that its process is dead, even if the file returns to its place.
    own: Mutex<Vec<Life>>,
    /// Whether other processes had files when it was last looked.
    others: AtomicBool,
}

#[derive(Debug)]
struct Life {
    id: i64,
    path: PathBuf,
    lock: File,
    _folder: Folder,
}

/// A process that has ended. We hold the lock of its file, so that only one process notes the death.
#[derive(Debug)]
pub(super) struct Dead {
    id: i64,
    path: PathBuf,
    _lock: File,
}

impl Lives {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), own: Mutex::default(), others: false.into() }
    }

    /// The directory of their files.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The number of our own life, which begins at the first call. If its file was removed, another life begins, whose
    /// end others can detect.
    pub(super) fn own(&self, entropy: &dyn Entropy) -> io::Result<i64> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(life) = own.last().filter(|life| is_at(&life.lock, &life.path)) {
            return Ok(life.id);
        }
        let life = begin(&self.directory, entropy)?;
        let id = life.id;
        own.push(life);
        Ok(id)
    }

    /// The processes that have ended since the last call. Files that cannot be checked are left for the next call.
    pub(super) fn dead(&self) -> Vec<Dead> {
        let Ok(files) = fs::read_dir(&self.directory) else { return Vec::new() };
        let files: Vec<PathBuf> =
            files.filter_map(|file| Some(file.ok()?.path())).filter(|path| is_life(path)).collect();
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).last().map(|life| life.path.clone());
        self.others.store(files.iter().any(|file| Some(file) != own.as_ref()), Ordering::Relaxed);
        files.into_iter().filter_map(dead).collect()
    }

    /// Whether other processes received or claimed when [`Lives::dead`] last looked.
    pub(super) fn has_others(&self) -> bool {
        self.others.load(Ordering::Relaxed)
    }
}

impl Dead {
    /// Notes the death. [`super::messages::release`] shows the messages that the process had hidden.
    pub(super) fn note(&self, tx: &Tx<'_>, now_ms: u64) -> rusqlite::Result<()> {
        tx.db
            .prepare_cached("INSERT OR IGNORE INTO ended (life, keep_until_ms) VALUES (?1, ?2)")?
            .execute(params![self.id, ms(now_ms + KEEP_MS)])
            .map(|_| ())
    }

    /// The number of its life.
    pub(super) fn id(&self) -> i64 {
        self.id
    }

    /// Removes its file after the death was noted.
    pub(super) fn bury(&self) {
        // A file that stays is found and noted again.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the end of a life is noted.
pub(super) fn has_ended(db: &Connection, life: i64) -> rusqlite::Result<bool> {
    let found = db.prepare_cached("SELECT 1 FROM ended WHERE life = ?1")?.query_row([life], |_| Ok(())).optional();
    found.map(|found| found.is_some())
}

/// How many processes are alive. Notes and removes nothing, and the directory may be missing.
pub(super) fn living(directory: &Path) -> io::Result<usize> {
    let files = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        files => files?,
    };
    Ok(files.filter_map(|file| Some(file.ok()?.path())).filter(|path| is_living(path)).count())
}

/// Whether a process holds the lock of this file. The lock is only ever shared here, so that processes that check at
/// the same time do not take each other for the owner.
fn is_living(path: &Path) -> bool {
    is_life(path) && File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn is_life(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX))
}

fn begin(directory: &Path, entropy: &dyn Entropy) -> io::Result<Life> {
    let folder = Folder::enter(directory)?;
    let id = entropy.next_u64() as i64;
    let path = directory.join(format!("{PREFIX}{:016x}", id as u64));
    let mut lock = OpenOptions::new().create_new(true).write(true).open(&path)?;
    // Another process may hold it briefly to check it. While it is empty, it proves nothing.
    lock.lock()?;
    write!(lock, "{}", lock.metadata()?.ino())?;
    Ok(Life { id, path, lock, _folder: folder })
}

fn dead(path: PathBuf) -> Option<Dead> {
    let id = u64::from_str_radix(path.file_name()?.to_str()?.strip_prefix(PREFIX)?, 16).ok()? as i64;
    let lock = File::open(&path).ok()?;
    lock.try_lock().ok()?;
    let mut made_as = String::new();
    (&lock).take(32).read_to_string(&mut made_as).ok()?;
    if made_as == lock.metadata().ok()?.ino().to_string() {
        return Some(Dead { id, path, _lock: lock });
    }
    // A process that is about to lock it finds it gone and begins another life.
    let _ = fs::remove_file(&path);
    None
}

/// Whether an open file is still the one at `path`.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let found = file.metadata().and_then(|file| Ok((file, fs::metadata(path)?)));
    found.is_ok_and(|(file, there)| (file.dev(), file.ino()) == (there.dev(), there.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use celeriac_core::ports::SystemEntropy;

    fn files(directory: &Path) -> Vec<PathBuf> {
        fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect()
    }

    fn ids(dead: &[Dead]) -> Vec<i64> {
        dead.iter().map(Dead::id).collect()
    }

    #[test]
    fn a_life_ends_with_its_process() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (Lives::new(directory.path()), Lives::new(directory.path()));
        let id = one.own(&SystemEntropy).unwrap();
        assert_eq!(one.own(&SystemEntropy).unwrap(), id);
        assert!(other.dead().is_empty());
        drop(one);
        let dead = other.dead();
        assert_eq!(ids(&dead), [id]);
        assert!(other.dead().is_empty(), "one notes it at a time");
        dead[0].bury();
        assert!(other.dead().is_empty() && files(directory.path()).is_empty());
    }

    #[test]
    fn the_living_are_counted_while_their_processes_last() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(living(&directory.path().join("missing")).unwrap(), 0);
        let [one, other] = [(); 2].map(|()| Lives::new(directory.path()));
        assert_eq!(living(directory.path()).unwrap(), 0, "a process that only sends has begun no life");
        one.own(&SystemEntropy).unwrap();
        other.own(&SystemEntropy).unwrap();
        fs::write(directory.path().join("turn"), "").unwrap();
        assert_eq!(living(directory.path()).unwrap(), 2);
        drop(one);
        assert_eq!(living(directory.path()).unwrap(), 1);
        assert_eq!(other.dead().len(), 1, "looking removes nothing");
    }

    #[test]
    fn a_file_that_was_removed_truncated_or_replaced_proves_no_death() {
        let change: [fn(&Path); 3] = [
            |file| fs::remove_file(file).unwrap(),
            |file| drop(File::create(file).unwrap()),
            |file| {
                let copy = file.with_extension("copy");
                fs::copy(file, &copy).unwrap();
                fs::rename(copy, file).unwrap();
            },
        ];
        for change in change {
            let directory = tempfile::tempdir().unwrap();
            let (one, other) = (Lives::new(directory.path()), Lives::new(directory.path()));
            one.own(&SystemEntropy).unwrap();
            change(&files(directory.path())[0]);
            assert!(other.dead().is_empty());
            drop(one);
            assert!(other.dead().is_empty());
        }
    }

    #[test]
    fn a_process_whose_file_was_removed_begins_another_life() {
        let directory = tempfile::tempdir().unwrap();
        let locks = directory.path().join("locks");
        let (one, other) = (Lives::new(&locks), Lives::new(&locks));
        let first = one.own(&SystemEntropy).unwrap();
        fs::remove_dir_all(&locks).unwrap();
        let second = one.own(&SystemEntropy).unwrap();
        assert_ne!(first, second);
        assert!(other.dead().is_empty());
        drop(one);
        assert_eq!(ids(&other.dead()), [second]);
    }
}
