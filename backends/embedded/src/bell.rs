//! The bell of a database: a file beside it that a process reads after it has committed messages. Processes that wait
//! for messages watch the file ([`Watcher`](super::watcher::Watcher)). A read changes nothing, so it costs no write.
//!
//! The log itself would be no good bell. Each claim and each recording is written to it, and a write to it is noticed
//! before its transaction can be read.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use celeriac_core::ports::{Clock as _, SystemClock};

use super::liveness::is_at;

const BELL: &str = "bell";

/// How often a process that rings looks whether its file is still that of the others.
const LOOK_US: u64 = 1_000_000;

/// Rings for the processes that wait for messages.
#[derive(Debug)]
pub(super) struct Bell {
    path: PathBuf,
    file: File,
    clock: SystemClock,
    looked_us: u64,
}

/// The bell in the directory of a database's locks.
pub(super) fn path_in(directory: &Path) -> PathBuf {
    directory.join(BELL)
}

/// Opens a bell, or makes it. Its directory must be there.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Rings a bell that is open.
pub(super) fn ring(bell: &File) -> io::Result<()> {
    let mut byte = [0];
    if bell.read_at(&mut byte, 0)? == 0 {
        // To read nothing is no sign. It is new, or was truncated.
        bell.write_all_at(&byte, 0)?;
        bell.read_exact_at(&mut byte, 0)?;
    }
    Ok(())
}

impl Bell {
    /// The bell in `directory`, which must be there.
    pub(super) fn new(directory: &Path) -> io::Result<Self> {
        let path = path_in(directory);
        let (file, clock) = (open(&path)?, SystemClock::new());
        let looked_us = clock.monotonic_us();
        Ok(Self { path, file, clock, looked_us })
    }

    /// Tells other processes that there are messages. If it fails, they find them by themselves, within a second.
    pub(super) fn ring(&mut self) {
        let now_us = self.clock.monotonic_us();
        if now_us - self.looked_us >= LOOK_US {
            self.looked_us = now_us;
            if !is_at(&self.file, &self.path)
                && let Ok(file) = open(&self.path)
            {
                self.file = file;
            }
        }
        let _ = ring(&self.file);
    }
}
