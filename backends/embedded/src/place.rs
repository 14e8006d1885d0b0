//! Where the database file is. Open, it can be written to after it was deleted or replaced, and what is accepted then
//! is gone when the program ends.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// A path, and which file was there when it was opened.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    file: (u64, u64),
}

impl Place {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: file_at(path)? })
    }

    /// Whether another file is there now, or none. What cannot be found out is a no.
    pub(super) fn is_lost(&self) -> bool {
        match file_at(&self.path) {
            Ok(file) => file != self.file,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }
}

fn file_at(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}
