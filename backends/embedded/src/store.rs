//! The state that the ports of one file share.

use std::sync::{Arc, Mutex, OnceLock, atomic::AtomicU64};

use super::{
    arrivals::Arrivals, checkpointer::Checkpointer, error::beside, folder::Folder, liveness::Lives, lulls::Lulls,
    reader::Reader, records::Walk, watcher::Watcher, writer::Writer,
};
use celeriac_core::ports::{Clock, Entropy, PortError};

/// One opened file; every port is one view of it.
pub(super) struct FileStore {
    // Dropped in this order: the last connection to be closed empties the log.
    pub(super) writer: Writer,
    pub(super) reader: Reader,
    pub(super) _checkpointer: Checkpointer,
    pub(super) lives: Arc<Lives>,
    pub(super) _folder: Folder,
    pub(super) arrivals: Arc<Arrivals>,
    /// Starts with the first receive that waits.
    pub(super) watcher: OnceLock<Watcher>,
    pub(super) lulls: Lulls,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// When dead processes were last looked for.
    pub(super) swept_ms: AtomicU64,
    /// The position of the walk over old rows.
    pub(super) walk: Arc<Mutex<Walk>>,
}

impl FileStore {
    /// How often a waiting receive has to look for messages.
    pub(super) fn look_ms(&self) -> u64 {
        self.watcher.get_or_init(|| Watcher::start(self.lives.directory(), Arc::clone(&self.arrivals))).look_ms()
    }

    /// The number of this process's life.
    pub(super) fn life(&self) -> Result<i64, PortError> {
        self.lives.own(&*self.entropy).map_err(|error| beside(self.lives.directory(), error))
    }
}
