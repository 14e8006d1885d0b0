//! Watches the paths of the database file and its log. An open file can still be written after it was deleted or
//! replaced, and calls accepted then are gone when the program ends.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use celeriac_core::ports::{Clock as _, SystemClock};

use super::beside;

/// How old the last change of a directory must be, in nanoseconds, before its time tells it from the next one. File
/// systems take the time from the kernel's tick, which is 10 ms at most.
const TICK_NS: i128 = 50_000_000;

/// The same where the file system only counts seconds.
const COARSE_TICK_NS: i128 = 3_000_000_000;

/// The paths of a database, and the identity of their files when it was opened.
#[derive(Clone, Debug)]
pub(super) struct FilePlace(Arc<Spots>);

#[derive(Debug)]
struct Spots {
    files: [Spot; 3],
    directory: PathBuf,
    /// The directory as it was when all files were last found in it. While it is the same, so are they: one look at the
    /// directory is cheaper than one at each file.
    intact: Mutex<Option<Directory>>,
    clock: SystemClock,
}

#[derive(Debug)]
struct Spot {
    path: PathBuf,
    file: (u64, u64),
}

/// A directory at some moment. Each file that is added, removed or renamed in it changes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Directory {
    file: (u64, u64),
    changed_ns: i128,
}

impl FilePlace {
    /// The place of the database at `path`, which is in use, so that its log exists.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let spot = |path: PathBuf| file_at(&path).map(|file| Spot { path, file });
        let files = [spot(path.to_owned())?, spot(beside(path, "-wal"))?, spot(beside(path, "-shm"))?];
        let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Self(Arc::new(Spots { files, directory, intact: Mutex::default(), clock: SystemClock::new() })))
    }

    /// The first path that no longer has its original file, if any. A path that cannot be checked counts as unchanged.
    pub(super) fn lost(&self) -> Option<&Path> {
        let Spots { files, directory, intact, clock } = &*self.0;
        let mut intact = intact.lock().unwrap_or_else(PoisonError::into_inner);
        // The directory first: what changes while the files are looked at is seen the next time.
        let now = Directory::at(directory);
        if now.is_some() && *intact == now {
            return None;
        }
        let lost = files.iter().find(|spot| spot.is_lost()).map(|spot| spot.path.as_path());
        *intact = now.filter(|now| lost.is_none() && now.is_settled(clock.now_ms()));
        lost
    }
}

impl Spot {
    fn is_lost(&self) -> bool {
        match file_at(&self.path) {
            Ok(file) => file != self.file,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }
}

impl Directory {
    fn at(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        let changed_ns = i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec());
        Some(Self { file: (found.dev(), found.ino()), changed_ns })
    }

    /// Whether the next change will have another time.
    fn is_settled(&self, now_ms: u64) -> bool {
        let tick_ns = if self.changed_ns % 1_000_000_000 == 0 { COARSE_TICK_NS } else { TICK_NS };
        self.changed_ns + tick_ns < i128::from(now_ms) * 1_000_000
    }
}

fn file_at(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}
