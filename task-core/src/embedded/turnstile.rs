//! Turns between processes that commit to one file.
//!
//! SQLite's own lock is polled with growing pauses, so that whoever has just committed gets it again and another
//! process starves. Here a process waits at the gate, then for the room; it leaves the gate once it has the room.
//! One that comes back from a commit finds the gate taken by the one that waits, and so is next but one.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

/// Two file locks that one process after another passes.
#[derive(Debug)]
pub(super) struct Turnstile {
    gate: File,
    room: File,
}

/// A turn; the next process gets its own when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    room: &'a File,
}

impl Turnstile {
    /// Opens the locks in `directory`, each caller its own: two threads of a process take turns just the same.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let lock = |name| OpenOptions::new().create(true).truncate(false).write(true).open(directory.join(name));
        Ok(Self { gate: lock("gate")?, room: lock("room")? })
    }

    /// Waits for a turn. However many wait, each waits for those before it and no longer.
    pub(super) fn pass(&self) -> io::Result<Turn<'_>> {
        self.gate.lock()?;
        let entered = self.room.lock();
        self.gate.unlock()?;
        entered.map(|()| Turn { room: &self.room })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // It can only fail for a descriptor that is not open.
        let _ = self.room.unlock();
    }
}
