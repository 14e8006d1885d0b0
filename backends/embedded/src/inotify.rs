//! Waits for rings of the bell by inotify, in a thread of its own.

use std::{
    fs::File,
    io,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use celeriac_core::ports::{Clock as _, SystemClock};
use rustix::{
    fs::{
        OFlags, fcntl_setfl,
        inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
    },
    io::Errno,
};

use super::{Shared, bell, is_at};

/// Two rings that are noticed within this time are followed by a pause as long. The rings of the pause count as one, so
/// that a process that commits all the time does not wake the others for each commit.
const BURST: Duration = Duration::from_millis(1);

/// How long it waits before it watches a bell again that was removed. A database that was deleted as a whole is noticed
/// meanwhile, and whoever deletes its folder is not disturbed by a new file in it.
const RETURN: Duration = Duration::from_secs(1);

/// A read of the bell, and what may end the watch: its removal.
const EVENTS: WatchFlags =
    WatchFlags::ACCESS.union(WatchFlags::ATTRIB).union(WatchFlags::DELETE_SELF).union(WatchFlags::MOVE_SELF);

/// The thread that waits.
struct Thread {
    inotify: OwnedFd,
    watch: i32,
    path: PathBuf,
    bell: File,
    shared: Arc<Shared>,
}

/// Starts the thread, once it is certain that rings are noticed.
pub(super) fn start(path: &Path, shared: Arc<Shared>) -> io::Result<()> {
    let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let (watch, file) = watch(&inotify, path)?;
    // Some systems accept a watch and never tell of anything.
    bell::ring(&file)?;
    Reader::new(&inotify, &mut [MaybeUninit::uninit(); 512])
        .next()
        .map_err(|_| io::Error::other("the system accepts the watch, and does not tell when the file is read"))?;
    fcntl_setfl(&inotify, OFlags::empty())?;
    let thread = Thread { inotify, watch, path: path.to_owned(), bell: file, shared };
    thread::Builder::new().name("celeriac-watcher".to_owned()).spawn(move || thread.run()).map(drop)
}

/// Watches the bell at `path`, or makes it.
fn watch(inotify: &OwnedFd, path: &Path) -> io::Result<(i32, File)> {
    let bell = bell::open(path)?;
    let watch = inotify::add_watch(inotify, path, EVENTS)?;
    Ok((watch, bell))
}

impl Thread {
    fn run(mut self) {
        while let Err(error) = self.listen() {
            self.shared.set_watching(false);
            if self.shared.has_ended() {
                return;
            }
            tracing::debug!(bell = %self.path.display(), %error, "watching it again in a second");
            thread::sleep(RETURN);
            match watch(&self.inotify, &self.path) {
                Ok((watch, bell)) => (self.watch, self.bell) = (watch, bell),
                // Its folder is gone; the next write makes it again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return self.shared.give_up(&self.path, &error),
            }
        }
    }

    /// Tells of rings until it ends. An error means that this bell is no longer that of the others.
    fn listen(&self) -> io::Result<()> {
        *self.shared.bell() = Some(self.bell.try_clone()?);
        if !is_at(&self.bell, &self.path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.shared.set_watching(true);
        let (clock, mut last_us) = (SystemClock::new(), None);
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        while !self.shared.has_ended() {
            let events = match reader.next() {
                Ok(event) if event.wd() == self.watch => event.events(),
                // Of an earlier bell, or the queue of events was full.
                Ok(_) => ReadFlags::ACCESS,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if events != ReadFlags::ACCESS && !is_at(&self.bell, &self.path) {
                let _ = inotify::remove_watch(&self.inotify, self.watch);
                return Err(io::ErrorKind::NotFound.into());
            }
            if !reader.is_buffer_empty() {
                continue;
            }
            self.shared.arrivals.others();
            let now_us = clock.monotonic_us();
            if last_us.is_some_and(|last_us| now_us - last_us < BURST.as_micros() as u64) {
                thread::sleep(BURST);
            }
            last_us = Some(now_us);
        }
        Ok(())
    }
}
