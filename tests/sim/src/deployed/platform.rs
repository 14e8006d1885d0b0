//! The simulated platform of the production launcher: a Lambda function, and one item of a table.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use celeriac_aws::{Minutes, Payload, Platform};
use celeriac_core::ports::{InvokeError, PortError};
use celeriac_sim::{BEGIN_MS, Host, Service, Sim};
use futures::future::{BoxFuture, FutureExt as _};

use super::{event, function::Function, launches::Launches};
use crate::{facts, mutation::Mutation};

/// The most bytes of an event that is billed as one request. The product promises to keep to it.
const MAX_PAYLOAD: usize = 256 << 10;

/// The most parcels of one invocation.
const MAX_PARCELS: usize = 10;

/// The state that all launchers share.
#[derive(Clone)]
pub(super) struct Remote {
    pub(super) launches: Launches,
    pub(super) facts: facts::Shared,
    pub(super) mutation: Option<Mutation>,
    pub(super) cap: usize,
    pub(super) skew_ms: u64,
    /// The most bytes of several parcels in one invocation.
    pub(super) message_bytes: usize,
}

/// The platform as one host sees it.
pub(super) struct Link {
    pub(super) remote: Remote,
    pub(super) host: Host,
    /// The function that it launches; `None` on the host of a worker.
    pub(super) worker: Option<Function>,
}

impl Platform for Link {
    fn invoke<'a>(&'a self, _: &'a str, payload: Vec<u8>) -> BoxFuture<'a, Result<(), InvokeError>> {
        async move {
            let text: Arc<str> = String::from_utf8_lossy(&payload).into();
            self.remote.look_at(&text);
            let (remote, worker) = (self.remote.clone(), self.worker.clone());
            let asked = AtomicBool::default();
            let accept = move |_: &mut Sim| {
                if asked.swap(true, Ordering::Relaxed) {
                    remote.launches.doubled();
                }
                if let Some(worker) = &worker {
                    remote.accept(worker, &text);
                }
            };
            let accepted = self.host.ask(Service::Functions, || (), accept);
            accepted.await.map_err(|error| match error {
                PortError::Unknown { .. } => InvokeError::Unknown(error),
                error => InvokeError::Failed(error),
            })
        }
        .boxed()
    }

    fn count<'a>(&'a self, moved: &'a Minutes, over: &'a [u64]) -> BoxFuture<'a, Result<Minutes, PortError>> {
        let (remote, moved, over) = (self.remote.clone(), moved.clone(), over.to_vec());
        async move {
            let mutation = remote.mutation;
            let by = Some(self.host.id()).filter(|_| self.worker.is_none());
            let request = by.and_then(|host| remote.launches.run_of(host));
            if let Some(what) = by.and_then(|host| remote.launches.says_ended(host)) {
                remote.facts.lock().violated(what, None, None);
            }
            let mut times = 0;
            let count = move || {
                times += 1;
                remote.launches.count(request.as_deref(), &moved, &over, times)
            };
            let counted = self.host.ask(Service::Ledger, count, |_| ());
            let counted = counted.await?;
            Ok(mutation.map_or(counted.clone(), |mutation| mutation.twist_counts(counted)))
        }
        .boxed()
    }

    fn look(&self) -> BoxFuture<'_, Result<Minutes, PortError>> {
        let (launches, mutation) = (self.remote.launches.clone(), self.remote.mutation);
        async move {
            let counted = self.host.ask(Service::Ledger, move || launches.counted(), |_| ()).await?;
            Ok(mutation.map_or(counted.clone(), |mutation| mutation.twist_counts(counted)))
        }
        .boxed()
    }
}

impl Remote {
    /// Checks the limits of one invocation.
    fn look_at(&self, payload: &str) {
        let deliveries = match Payload::decode(payload) {
            Ok(read) => read.deliveries,
            Err(error) => {
                return self.facts.lock().violated(
                    format!("what launches a worker cannot be read: {error}"),
                    None,
                    None,
                );
            }
        };
        let (parcels, bytes) = (deliveries.len(), deliveries.iter().map(|of| of.body.len()).sum::<usize>());
        let is_full = parcels > MAX_PARCELS || parcels > 1 && bytes > self.message_bytes;
        if payload.len() > MAX_PAYLOAD || is_full {
            let payload = payload.len();
            let what = format!("an invocation has {parcels} parcels of {bytes} bytes in all, as text {payload} (G6)");
            self.facts.lock().violated(what, None, None);
        }
    }

    fn accept(&self, worker: &Function, payload: &Arc<str>) {
        let request = worker.number();
        let now_minute = (BEGIN_MS + worker.now_us() / 1000 + self.skew_ms) / 60_000;
        let over = self.launches.accepted(&request, event::minute(payload), now_minute, self.cap);
        if let Some(over) = over.filter(|_| self.cap > 0) {
            let what = format!("{over} invocations are outstanding beyond the cap of {} (G6)", self.cap);
            self.facts.lock().violated(what, None, None);
        }
        worker.accept(&request, payload);
    }
}
