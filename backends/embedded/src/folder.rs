//! The folder of locks beside a database file. Every process that has the file open shares the lock of the folder
//! itself. That keeps programs that remove old files out of it, those that ask first (systemd-tmpfiles), and tells
//! whether a process is alone, which it has to be to change the file's format.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

/// A share of the folder; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Folder(File);

impl Folder {
    /// Makes the folder if it is not there. Waits for a process that has it alone.
    pub(super) fn enter(path: &Path) -> io::Result<Self> {
        let folder = Self::open(path)?;
        folder.0.lock_shared()?;
        Ok(folder)
    }

    /// Has the folder alone, if no process shares it.
    pub(super) fn alone(path: &Path) -> io::Result<Option<Self>> {
        let folder = Self::open(path)?;
        match folder.0.try_lock() {
            Ok(()) => Ok(Some(folder)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        File::open(path).map(Self)
    }
}
