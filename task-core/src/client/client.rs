//! The client: sends calls and looks them up.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use super::{Background, Batch, CallStatus, Error, Handle, coalesce::Coalescer, flusher, status};
use crate::{
    id::{BatchId, TaskId},
    ports::{BatchRecord, Failure, Ports},
    store::{self, StoreUrl, Workers},
};

/// Sends calls. Cheap to clone. All clones share one background thread, which coalesces concurrent `delay`s and does
/// not depend on any async runtime. When the last clone is dropped, the thread sends the calls it was given and then
/// ends.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    ports: Arc<Ports>,
    store: Option<StoreUrl>,
    coalescer: Coalescer,
}

impl Client {
    /// A client on these ports.
    pub fn new(ports: Ports) -> Self {
        Self::in_background(ports, Arc::new(flusher::thread))
    }

    /// A client whose background work runs elsewhere than on its own thread, as a simulation needs it. The work ends
    /// when the last clone is dropped and all calls it was given are sent.
    pub fn in_background(ports: Ports, background: Background) -> Self {
        let ports = Arc::new(ports);
        let store = ports.url.as_deref().and_then(|url| url.parse().ok());
        let coalescer = Coalescer::new(Arc::clone(&ports), background);
        Self { shared: Arc::new(Shared { ports, store, coalescer }) }
    }

    /// The ports that it sends through.
    pub fn ports(&self) -> &Ports {
        &self.shared.ports
    }

    /// The store that it sends to, by its URL. A file has its absolute path: two processes with the same URL use the
    /// same file. `None` if it is unknown, as with ports that a test made.
    pub fn store(&self) -> Option<&StoreUrl> {
        self.shared.store.as_ref()
    }

    /// The store, if it is known that no worker is alive on it.
    pub(super) fn unserved(&self) -> Option<Box<StoreUrl>> {
        let store = self.store().filter(|store| store::workers(store) == Workers::Known(0))?;
        Some(Box::new(store.clone()))
    }

    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(super) fn downgrade(&self) -> Weak<Shared> {
        Arc::downgrade(&self.shared)
    }

    pub(super) fn shared_ports(&self) -> Arc<Ports> {
        Arc::clone(&self.shared.ports)
    }

    pub(super) fn coalescer(&self) -> &Coalescer {
        &self.shared.coalescer
    }

    /// How many bytes of arguments wait to be sent, for a gauge. At the limit,
    /// [`Profile::buffer_bytes`](crate::ports::Profile::buffer_bytes), further `delay`s wait.
    pub fn waiting_bytes(&self) -> usize {
        self.shared.coalescer.waiting_bytes()
    }

    /// The handle of the call with this id.
    pub fn handle<O>(&self, id: TaskId) -> Handle<O> {
        Handle::new(self.clone(), id)
    }

    /// The status of a call.
    pub async fn status(&self, id: TaskId) -> Result<CallStatus, Error> {
        Ok(status::look_up(self.ports(), id).await?)
    }

    /// The failed attempts of a call, oldest first.
    pub async fn history(&self, id: TaskId) -> Result<Vec<Failure>, Error> {
        Ok(self.ports().ledger.history(id).await?)
    }

    /// The batch with this id.
    ///
    /// # Errors
    /// [`Error::NoBatch`] if there is none.
    pub async fn batch<O>(&self, id: BatchId) -> Result<Batch<O>, Error> {
        let record = self.ports().batches.get(id).await?.ok_or(Error::NoBatch { batch: id })?;
        Ok(Batch::new(self.clone(), record.id, record.name, record.accepted, 0))
    }

    /// The newest batches, newest first.
    pub async fn batches(&self, limit: usize) -> Result<Vec<BatchRecord>, Error> {
        Ok(self.ports().batches.list(limit).await?)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.store().map(tracing::field::display);
        f.debug_struct("Client").field("store", &store).field("ports", self.ports()).finish_non_exhaustive()
    }
}
