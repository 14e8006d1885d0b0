//! Watches the paths of the database file and its log. An open file can still be written after it was deleted or
//! replaced, and calls accepted then are gone when the program ends.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::beside;

/// The paths of a database, and the identity of their files when it was opened.
#[derive(Clone, Debug)]
pub(super) struct FilePlace(Arc<[Spot; 3]>);

#[derive(Debug)]
struct Spot {
    path: PathBuf,
    file: (u64, u64),
}

impl FilePlace {
    /// The place of the database at `path`, which is in use, so that its log exists.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let spot = |path: PathBuf| file_at(&path).map(|file| Spot { path, file });
        Ok(Self(Arc::new([spot(path.to_owned())?, spot(beside(path, "-wal"))?, spot(beside(path, "-shm"))?])))
    }

    /// The first path that no longer has its original file, if any. A path that cannot be checked counts as unchanged.
    pub(super) fn lost(&self) -> Option<&Path> {
        self.0.iter().find(|spot| spot.is_lost()).map(|spot| spot.path.as_path())
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

fn file_at(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}
