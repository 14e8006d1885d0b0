//! The handle that `delay` returns: looks up an accepted call.

use std::{
    any::{TypeId, type_name},
    fmt,
    marker::PhantomData,
    sync::Arc,
    time::Duration,
};

use serde::de::DeserializeOwned;

use super::{CallStatus, Client, Error, blocking::block_on};
use crate::{
    id::TaskId,
    ports::{Clock, Ports},
    store::StoreUrl,
    wire::decode_args,
};

/// An accepted call. `O` is its return type.
pub struct Handle<O> {
    client: Client,
    id: TaskId,
    output: PhantomData<fn() -> O>,
}

impl<O> Handle<O> {
    pub(super) fn new(client: Client, id: TaskId) -> Self {
        Self { client, id, output: PhantomData }
    }

    /// The call's id. It never changes, not even over retries.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The store that it was sent to, in the form of [`Client::store`].
    pub fn store(&self) -> Option<&StoreUrl> {
        self.client.store()
    }

    /// Where the call stands.
    pub async fn status(&self) -> Result<CallStatus, Error> {
        self.client.status(self.id).await
    }
}

impl<O: DeserializeOwned + 'static> Handle<O> {
    /// Waits until the call has ended, or until the timeout, and returns its result. Polls at growing intervals, from 5
    /// ms to half a second. Works on any executor. Celery: `get`.
    ///
    /// # Errors
    /// [`Error::Dead`] if the call ended without success, [`Error::NotYet`] if it has not ended in time.
    pub async fn get(&self, timeout: Duration) -> Result<O, Error> {
        let ports = self.client.ports();
        let mut waiting = Waiting::new(ports, timeout);
        loop {
            if let Some(value) = ports.ledger.result_of(self.id).await? {
                return self.read(&value);
            }
            match self.status().await? {
                // The result was recorded after the lookup.
                CallStatus::Succeeded if TypeId::of::<O>() != TypeId::of::<()>() => {
                    let value = ports.ledger.result_of(self.id).await?;
                    return value.map_or_else(|| self.read(NIL), |value| self.read(&value));
                }
                CallStatus::Succeeded => return self.read(NIL),
                status if status.is_dead() => return Err(Error::Dead { id: self.id, status: Box::new(status) }),
                status => {
                    if !waiting.pause().await {
                        let unserved = self.client.unserved();
                        return Err(Error::NotYet { id: self.id, waited: timeout, status: Box::new(status), unserved });
                    }
                }
            }
        }
    }

    /// Waits as [`get`](Self::get) does, from code that is not async: blocks this thread.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn blocking_get(&self, timeout: Duration) -> Result<O, Error> {
        block_on(self.get(timeout))
    }

    fn read(&self, value: &[u8]) -> Result<O, Error> {
        decode_args(value).map_err(|error| Error::Result {
            id: self.id,
            wanted: type_name::<O>(),
            why: error.to_string(),
        })
    }
}

/// The result of a task that returns `()`. It is not stored.
const NIL: &[u8] = &[0xc0];

impl<O> Clone for Handle<O> {
    fn clone(&self) -> Self {
        Self::new(self.client.clone(), self.id)
    }
}

impl<O> fmt::Debug for Handle<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.store() {
            Some(store) => write!(f, "Handle({}, {store})", self.id),
            None => write!(f, "Handle({})", self.id),
        }
    }
}

/// Pauses between polls. They grow, until a deadline.
pub(super) struct Waiting {
    clock: Arc<dyn Clock>,
    until_us: u64,
    pause: Duration,
}

impl Waiting {
    const FIRST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_millis(500);

    pub(super) fn new(ports: &Ports, timeout: Duration) -> Self {
        let clock = Arc::clone(&ports.clock);
        let timeout_us = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
        Self { until_us: clock.monotonic_us().saturating_add(timeout_us), clock, pause: Self::FIRST }
    }

    /// Pauses; returns `false` at once if the deadline has passed.
    pub(super) async fn pause(&mut self) -> bool {
        let left = Duration::from_micros(self.until_us.saturating_sub(self.clock.monotonic_us()));
        if left.is_zero() {
            return false;
        }
        self.clock.sleep(self.pause.min(left)).await;
        self.pause = (self.pause * 3 / 2).min(Self::LONGEST);
        true
    }
}
