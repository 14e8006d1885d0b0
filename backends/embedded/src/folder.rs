//! The folder of lock files next to a database file. Every process that uses the file shares a lock on the folder. That
//! keeps cleaning programs that respect locks (systemd-tmpfiles) out of it, and tells whether a process is alone, which
//! changing the file's format requires.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

/// A shared lock on the folder, released when it is dropped.
#[derive(Debug)]
pub(super) struct Folder(File);

impl Folder {
    /// Makes the folder if it is missing. Waits for a process that holds it exclusively.
    pub(super) fn enter(path: &Path) -> io::Result<Self> {
        let folder = Self::open(path)?;
        folder.0.lock_shared()?;
        Ok(folder)
    }

    /// Locks the folder exclusively, if no process shares it.
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
