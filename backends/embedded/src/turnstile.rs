//! Gives turns to processes that commit to one file.
//!
//! SQLite's own lock is polled with growing pauses, so the process that has just committed gets it again and others
//! starve. Here a process first waits at the gate and then for the room, and leaves the gate once it has the room. A
//! process that returns from a commit finds the waiting one at the gate, and is next after it.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::liveness::is_at;

const GATE: &str = "gate";
const ROOM: &str = "room";

/// How many turns a process takes before it looks again whether its files are still those of the others. It is only a
/// matter of fairness: SQLite has a lock of its own.
const TURNS_PER_LOOK: u32 = 64;

/// Two file locks that processes pass one after the other.
#[derive(Debug)]
pub(super) struct Turnstile {
    directory: PathBuf,
    gate: File,
    room: File,
    turns: u32,
}

/// A turn. The next process gets its turn when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    room: &'a File,
}

impl Turnstile {
    /// Opens the locks in `directory`, separately for each caller: two threads of a process take turns in the same way.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let lock = |name| OpenOptions::new().create(true).truncate(false).write(true).open(directory.join(name));
        Ok(Self { directory: directory.to_owned(), gate: lock(GATE)?, room: lock(ROOM)?, turns: 0 })
    }

    /// Waits for a turn. A process waits only for those before it.
    pub(super) fn pass(&mut self) -> io::Result<Turn<'_>> {
        loop {
            self.gate.lock()?;
            let entered = self.room.lock();
            self.gate.unlock()?;
            entered?;
            let looks = self.turns.is_multiple_of(TURNS_PER_LOOK);
            self.turns = self.turns.wrapping_add(1);
            // After its files were removed, new processes use new ones.
            if !looks || is_at(&self.gate, &self.directory.join(GATE)) && is_at(&self.room, &self.directory.join(ROOM))
            {
                return Ok(Turn { room: &self.room });
            }
            *self = Self::open(&self.directory)?;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // It fails only for a descriptor that is not open.
        let _ = self.room.unlock();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;

    #[test]
    fn one_is_inside_at_a_time_and_none_starves() {
        const TURNS: usize = 100;
        let directory = tempfile::tempdir().unwrap();
        let (inside, turns) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        let barrier = std::sync::Barrier::new(3);
        std::thread::scope(|scope| {
            for name in 0..3 {
                let mut turnstile = Turnstile::open(directory.path()).unwrap();
                let (inside, turns, barrier) = (&inside, &turns, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for _ in 0..TURNS {
                        let _turn = turnstile.pass().unwrap();
                        assert!(!inside.swap(true, Ordering::SeqCst));
                        turns.lock().unwrap().push(name);
                        // As long as a small commit, so that the others are waiting when it ends.
                        std::thread::sleep(std::time::Duration::from_micros(300));
                        inside.store(false, Ordering::SeqCst);
                    }
                });
            }
        });
        let turns = turns.into_inner().unwrap();
        assert_eq!(turns.len(), 3 * TURNS);
        // Each has a share of the first half, in which all three took part.
        let half = &turns[..turns.len() / 2];
        for name in 0..3 {
            let share = half.iter().filter(|turn| **turn == name).count();
            assert!(share > TURNS / 10, "{name} had {share} turns of {}", half.len());
        }
    }

    #[test]
    fn turns_go_on_in_the_new_files_after_the_old_ones_were_removed() {
        let directory = tempfile::tempdir().unwrap();
        let locks = directory.path().join("locks");
        let mut before = Turnstile::open(&locks).unwrap();
        drop(before.pass().unwrap());
        fs::remove_dir_all(&locks).unwrap();
        let mut after = Turnstile::open(&locks).unwrap();
        let mut together = false;
        for _ in 0..TURNS_PER_LOOK {
            let _turn = before.pass().unwrap();
            together = after.room.try_lock().is_err();
            let _ = after.room.unlock();
        }
        assert!(together, "both are in the same room");
        drop(after.pass().unwrap());
    }
}
