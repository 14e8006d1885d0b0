//! The errors of a database file: when it is opened, and while it is used.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::ErrorCode;

use celeriac_core::ports::PortError;

/// Why a database file could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its directory does not exist.
    #[error("cannot create `{path}`: there is no directory `{parent}`; create it, or name another file")]
    NoDirectory {
        /// The file.
        path: PathBuf,
        /// Its directory.
        parent: PathBuf,
    },
    /// The path is no file.
    #[error("`{path}` is not a file; name a file in it, or another one")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It is not a database, or no longer one.
    #[error(
        "`{path}` is not a SQLite database, or is damaged ({what}); name another file, or restore this one from a copy"
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// SQLite's message.
        what: String,
    },
    /// It belongs to another program.
    #[error(
        "`{path}` is a database of another program (application id {found:#010x}); name a file of its own for the queue"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The application id in its header; 0 for none.
        found: i32,
    },
    /// It was written by a later version.
    #[error(
        "`{path}` has format {found} of a newer version of celeriac, and this one reads up to format {newest}; \
         update this program, or name another file"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i32,
        /// The newest format that this version knows.
        newest: i32,
    },
    /// It was written before formats had numbers.
    #[error(
        "`{path}` was made by a celeriac from before its first release, whose format this version does not read; let \
         that program finish its calls and name a new file for this one, or delete `{path}` with the files beside it"
    )]
    Unnumbered {
        /// The file.
        path: PathBuf,
    },
    /// Its format is older, and is not changed under other processes.
    #[error(
        "`{path}` has format {found}, which this version of celeriac changes to format {newest}, and other processes \
         use it; stop them, then start this program first"
    )]
    InUse {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i32,
        /// The newest format.
        newest: i32,
    },
    /// It is a mount point.
    #[error(
        "`{path}` is a mount point: under its other name the file has another log and other locks, and calls would be \
         lost; mount the folder that it is in, not the file"
    )]
    MountPoint {
        /// The file.
        path: PathBuf,
    },
    /// It has several hard links.
    #[error(
        "`{path}` is one of {names} names (hard links) of one file: under each it has another log and other locks, and \
         calls would be lost; remove the other names, which `find / -xdev -samefile {path}` lists"
    )]
    ManyNames {
        /// The file.
        path: PathBuf,
        /// How many names it has.
        names: u64,
    },
    /// The file or its directory is read-only.
    #[error("`{path}` is read-only, and a queue must be written; make it writable, or name another file")]
    ReadOnly {
        /// The file or its directory.
        path: PathBuf,
    },
    /// This user may not read and write it.
    #[error("no permission to read and write `{path}`; grant it to the user that runs this, or name another file")]
    NoPermission {
        /// The file or its directory.
        path: PathBuf,
    },
    /// It is on another machine.
    #[error(
        "`{path}` is on a network file system ({kind}), whose locks do not keep processes apart; name a file on a \
         local disk"
    )]
    Network {
        /// The file.
        path: PathBuf,
        /// The file system.
        kind: &'static str,
    },
    /// The disk has no room for it.
    #[error("cannot create `{path}`: the disk is full; free some space")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Something else.
    #[error("cannot open `{path}`: {source}")]
    Other {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::NoPermission { path },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Other { path, source: error.into() },
        }
    }

    pub(super) fn sql(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            _ if is_full(&error) => Self::Full { path },
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::NotADatabase { path, what: error.to_string() }
            }
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::PermissionDenied) => Self::NoPermission { path },
            _ => Self::Other { path, source: error.into() },
        }
    }
}

/// Whether the disk was full. The index of the log, which is memory mapped from a file, has its own error for that.
fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::DiskFull || error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
    })
}

/// Makes the errors of one database file.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    path: Arc<Path>,
}

impl Faults {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.into() }
    }

    /// An operation failed and was rolled back.
    pub(super) fn undone(&self, error: rusqlite::Error) -> PortError {
        let path = self.path.display();
        let what = match error.sqlite_error_code() {
            _ if is_full(&error) => {
                format!("nothing was written to `{path}`: the disk is full or the file at its limit; free some space")
            }
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                return PortError::Refused {
                    what: format!("`{path}` is damaged ({error}); restore it from a copy, or name another file"),
                };
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                format!("`{path}` is locked by a program that is not celeriac; close it")
            }
            Some(ErrorCode::ReadOnly) => format!("`{path}` has become read-only; make it writable"),
            _ => format!("cannot use `{path}`: {error}"),
        };
        PortError::Unavailable { what, source: Some(Arc::new(error)) }
    }

    /// A commit failed in the middle.
    pub(super) fn commit(&self, error: rusqlite::Error) -> PortError {
        match error.sqlite_error_code() {
            // These occur before the last frame of a transaction is in the log.
            Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::ReadOnly) => self.undone(error),
            _ => PortError::Unknown {
                what: format!("`{}` failed while it was written: {error}; look at the disk", self.path.display()),
                source: Some(Arc::new(error)),
            },
        }
    }

    /// The log could not be synced after a commit.
    pub(super) fn sync(&self, error: io::Error) -> PortError {
        let path = self.path.display();
        PortError::Unknown {
            what: format!("the log of `{path}` could not be synced: {error}; look at the disk, then start again"),
            source: Some(Arc::new(error)),
        }
    }

    /// The file, or one of its log's files, is no longer at its path.
    pub(super) fn gone(&self, lost: &Path) -> PortError {
        let lost = self.named(lost).display();
        let what = format!(
            "`{lost}` was deleted or replaced while it was in use, so nothing more is written to it; put it back, or \
             start again"
        );
        PortError::Gone { what }
    }

    /// The same after a commit, which may have gone into the file that was moved away.
    pub(super) fn gone_meanwhile(&self, lost: &Path) -> PortError {
        let lost = self.named(lost).display();
        let what = format!("`{lost}` was moved, deleted or replaced during a write, which may be lost; put it back");
        PortError::Unknown { what, source: None }
    }

    /// The file under the name that the user gave, which may be a link, or one of its log's files.
    fn named<'a>(&'a self, lost: &'a Path) -> &'a Path {
        let is_log = lost.to_str().is_some_and(|lost| lost.ends_with("-wal") || lost.ends_with("-shm"));
        if is_log { lost } else { &self.path }
    }

    /// An earlier sync has failed.
    pub(super) fn broken(&self) -> PortError {
        let path = self.path.display();
        let what = format!("nothing is written to `{path}` since the disk failed; look at the disk, then start again");
        // For good: no later sync tells whether what was written before is on the disk.
        PortError::Gone { what }
    }

    /// The writing or reading thread has died.
    pub(super) fn stopped(&self) -> PortError {
        PortError::Unknown { what: format!("the thread that writes `{}` has died", self.path.display()), source: None }
    }
}

/// A file next to the database failed.
pub(super) fn beside(path: &Path, error: io::Error) -> PortError {
    PortError::Unavailable { what: format!("cannot use `{}`: {error}", path.display()), source: Some(Arc::new(error)) }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn a_disk_without_room_for_the_index_of_the_log_is_full() {
        let path = Path::new("queue.db");
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMSIZE] {
            let error = || rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            assert!(matches!(OpenError::sql(path, error()), OpenError::Full { .. }));
            let undone = Faults::new(path).undone(error()).to_string();
            assert!(undone.ends_with("the disk is full or the file at its limit; free some space"), "{undone}");
        }
    }

    #[test]
    fn a_commit_that_found_no_room_for_the_index_of_the_log_may_be_in_the_log() {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_SHMSIZE), None);
        assert!(matches!(Faults::new(Path::new("queue.db")).commit(error), PortError::Unknown { .. }));
    }
}
