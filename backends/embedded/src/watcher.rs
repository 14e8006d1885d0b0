//! Notices that another process has committed messages, without looking at the file again and again: the kernel tells
//! of each ring of the [`bell`]. Linux can do that. Elsewhere, and where a limit is reached, waiting
//! receives look often.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::liveness::is_at;
use super::{arrivals::Arrivals, bell};

#[cfg(any(target_os = "linux", target_os = "android"))]
#[path = "inotify.rs"]
mod system;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use std::{io, path::Path, sync::Arc};

    /// Not written for this system.
    pub(super) fn start(_: &Path, _: Arc<super::Shared>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// How often a waiting receive looks where rings are noticed. It only finds what was not announced: a ring that failed,
/// and a file that was deleted.
pub(super) const LONGEST_LOOK_MS: u64 = 1000;

/// How often it looks where they are not.
const LOOK_MS: u64 = 10;

/// Notices rings until it is dropped.
#[derive(Debug)]
pub(super) struct Watcher(Arc<Shared>);

/// What the thread that waits for rings shares with the receives.
#[derive(Debug)]
struct Shared {
    arrivals: Arc<Arrivals>,
    /// Whether every ring is noticed now.
    watching: AtomicBool,
    ended: AtomicBool,
    /// The bell that is watched, to wake the thread.
    bell: Mutex<Option<File>>,
}

impl Watcher {
    /// Watches the bell in this directory. If that fails, it says so once.
    pub(super) fn start(directory: &Path, arrivals: Arc<Arrivals>) -> Self {
        let shared = Arc::new(Shared { arrivals, watching: false.into(), ended: false.into(), bell: Mutex::default() });
        if let Err(error) = system::start(&bell::path_in(directory), Arc::clone(&shared)) {
            shared.give_up(directory, &error);
        }
        Self(shared)
    }

    /// How often a waiting receive has to look now.
    pub(super) fn look_ms(&self) -> u64 {
        if self.0.watching.load(Ordering::Acquire) { LONGEST_LOOK_MS } else { LOOK_MS }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        if let Some(bell) = &*self.0.bell() {
            // The thread then ends. If it fails, the thread ends with the next ring.
            let _ = bell::ring(bell);
        }
    }
}

impl Shared {
    /// Says whether every ring is noticed from now on.
    fn set_watching(&self, watching: bool) {
        self.watching.store(watching, Ordering::Release);
        // What was rung before was not noticed.
        self.arrivals.others();
    }

    fn bell(&self) -> std::sync::MutexGuard<'_, Option<File>> {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn give_up(&self, directory: &Path, error: &io::Error) {
        self.set_watching(false);
        if error.kind() == io::ErrorKind::Unsupported {
            tracing::debug!("this system has no notification; the file is looked at every {LOOK_MS} ms");
        } else {
            tracing::warn!(
                directory = %directory.display(), %error,
                "cannot watch for messages of other processes, so the file is looked at every {LOOK_MS} ms, which takes \
                 a few percent of a core; if a limit is reached, raise the limit of open files (`ulimit -n`), \
                 fs.inotify.max_user_instances or max_user_watches, and start again"
            );
        }
    }
}
