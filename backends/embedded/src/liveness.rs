//! Which processes live: each that receives or claims holds the lock of a file of its own until it ends, however it
//! ends. Rows bear its number, and whoever finds the lock free, or the file gone, knows that its holder is dead.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use celeriac_core::ports::Entropy;

const PREFIX: &str = "live-";

/// The lives beside one database file.
#[derive(Debug)]
pub(super) struct Lives {
    directory: PathBuf,
    own: Mutex<Option<Life>>,
}

#[derive(Debug)]
struct Life {
    id: i64,
    path: PathBuf,
    _lock: File,
}

impl Lives {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), own: Mutex::new(None) }
    }

    /// The directory they are in.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// As [`is_dead`].
    pub(super) fn is_dead(&self, id: i64) -> bool {
        is_dead(&self.directory, id)
    }

    /// The number of our own life, which begins when it is first asked for.
    pub(super) fn own(&self, entropy: &dyn Entropy) -> io::Result<i64> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(life) = &*own {
            return Ok(life.id);
        }
        remove_dead(&self.directory)?;
        let life = begin(&self.directory, entropy)?;
        Ok(own.insert(life).id)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // Left behind, it is removed by the next life that begins.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether the holder of a life is known to be dead. What cannot be found out is a no: then its lease ends.
pub(super) fn is_dead(directory: &Path, id: i64) -> bool {
    let path = path_of(directory, id);
    match File::open(&path) {
        Ok(file) => match file.try_lock() {
            Ok(()) => {
                // Removed under the lock: whoever made it just now sees it gone and makes another.
                let _ = std::fs::remove_file(&path);
                true
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        },
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn begin(directory: &Path, entropy: &dyn Entropy) -> io::Result<Life> {
    loop {
        let id = entropy.next_u64() as i64;
        let path = path_of(directory, id);
        let lock = OpenOptions::new().create_new(true).write(true).open(&path)?;
        // Between making and locking it, another process may have taken it for a dead one's.
        if lock.try_lock().is_ok() && path.exists() {
            return Ok(Life { id, path, _lock: lock });
        }
    }
}

fn remove_dead(directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).map(|hex| u64::from_str_radix(hex, 16));
        if let Some(Ok(id)) = id {
            is_dead(directory, id as i64);
        }
    }
    Ok(())
}

fn path_of(directory: &Path, id: i64) -> PathBuf {
    directory.join(format!("{PREFIX}{:016x}", id as u64))
}
