//! The simulated platform of the production launcher: a Lambda function, and one item of a table.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use celeriac_aws::{Attempt, Health, Minutes, Payload, Platform};
use celeriac_core::{
    id::ParcelId,
    ports::{InvokeError, PortError},
};
use celeriac_sim::{BEGIN_MS, Fate, Host, Service, Sim};
use futures::future::{BoxFuture, FutureExt as _};

use super::{event, function::Function, health::Healths, launches::Launches};
use crate::{facts, mutation::Mutation};

/// The most bytes of an event that is billed as one request. The product promises to keep to it.
const MAX_PAYLOAD: usize = 256 << 10;

/// The most parcels of one invocation.
const MAX_PARCELS: usize = 10;

/// The state that all launchers share.
#[derive(Clone)]
pub(super) struct Remote {
    pub(super) launches: Launches,
    pub(super) healths: Healths,
    pub(super) facts: facts::Shared,
    pub(super) fate: Fate,
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

    fn count<'a>(
        &'a self,
        shard: u8,
        moved: &'a Minutes,
        over: &'a [u64],
    ) -> BoxFuture<'a, Result<Minutes, PortError>> {
        let (remote, moved, over) = (self.remote.clone(), moved.clone(), over.to_vec());
        async move {
            let mutation = remote.mutation;
            let by = Some(self.host.id()).filter(|_| self.worker.is_none());
            let ends = by.map_or_else(Vec::new, |host| remote.launches.ends_of(host));
            if let Some(what) = by.and_then(|host| remote.launches.says_ended(host)) {
                remote.facts.lock().violated(what, None, None);
            }
            let (mut times, launches, ended) = (0, remote.launches.clone(), ends.clone());
            let count = move || {
                times += 1;
                launches.count(&ended, shard, (&moved, &over), times)
            };
            let counted = self.host.ask(Service::Ledger, count, |_| ()).await;
            remote.fate.say(self.host.id(), || match &counted {
                Ok(counted) => format!("counts: {counted:?} are outstanding in shard {shard}"),
                Err(error) => format!("cannot count in shard {shard}: {error}"),
            });
            if let (Some(host), Err(PortError::Unavailable { .. })) = (by, &counted) {
                remote.launches.owes(host, ends);
            }
            let counted = counted?;
            Ok(mutation.map_or(counted.clone(), |mutation| mutation.twist_counts(shard, counted)))
        }
        .boxed()
    }

    fn look(&self, shards: u8) -> BoxFuture<'_, Result<BTreeMap<u8, Minutes>, PortError>> {
        let (launches, mutation) = (self.remote.launches.clone(), self.remote.mutation);
        async move {
            let counted = self.host.ask(Service::Ledger, move || launches.counted(shards), |_| ()).await?;
            let twist = |(shard, counted): (u8, Minutes)| {
                (shard, mutation.map_or(counted.clone(), |mutation| mutation.twist_counts(shard, counted)))
            };
            Ok(counted.into_iter().map(twist).collect())
        }
        .boxed()
    }

    fn health<'a>(&'a self, function: &'a str) -> BoxFuture<'a, Result<Health, PortError>> {
        let mutation = self.remote.mutation;
        self.ask(function, move |healths, function| match (mutation, healths.read(function)) {
            (Some(Mutation::BrakeIgnored), _) => Health::default(),
            (Some(Mutation::ProbesTogether), health) => Health { probe_ms: 0, ..health },
            (_, health) => health,
        })
    }

    fn failed<'a>(
        &'a self,
        function: &'a str,
        now_ms: u64,
        attempt: Attempt,
    ) -> BoxFuture<'a, Result<Health, PortError>> {
        let mutation = self.remote.mutation;
        self.ask(function, move |healths, function| {
            let health = healths.failed(function, now_ms, attempt);
            if mutation == Some(Mutation::BrakeIgnored) { Health::default() } else { health }
        })
    }

    fn take_probe<'a>(
        &'a self,
        function: &'a str,
        seen_ms: u64,
        until_ms: u64,
    ) -> BoxFuture<'a, Result<bool, PortError>> {
        let (mutation, launches, now_ms) =
            (self.remote.mutation, self.remote.launches.clone(), self.host.clock().now_ms());
        // What is not launched is given back with 0.
        let follows = until_ms > 0 && (1..=now_ms).contains(&seen_ms);
        self.ask(function, move |healths, function| {
            let taken = healths.take_probe(function, seen_ms, until_ms);
            if taken && follows {
                launches.outlives_probe();
            }
            taken || mutation == Some(Mutation::ProbesTogether)
        })
    }

    fn mended<'a>(&'a self, function: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        let (mutation, launches) = (self.remote.mutation, self.remote.launches.clone());
        self.ask(function, move |healths, function| {
            if mutation != Some(Mutation::BrakedForEver) {
                healths.mended(function);
                launches.proves();
            }
        })
    }

    fn resent(&self, parcel: ParcelId, _: u64) -> BoxFuture<'_, Result<u32, PortError>> {
        let mutation = self.remote.mutation;
        self.ask("", move |healths, _| {
            let times = healths.resent(parcel);
            if mutation == Some(Mutation::ResentForEver) { 1 } else { times }
        })
    }
}

impl Link {
    /// Asks the table for the item of a function.
    fn ask<'a, T: Send + 'static>(
        &'a self,
        function: &'a str,
        ask: impl Fn(&Healths, &str) -> T + Send + Sync + 'static,
    ) -> BoxFuture<'a, Result<T, PortError>> {
        let (healths, function) = (self.remote.healths.clone(), function.to_owned());
        self.host.ask(Service::Ledger, move || ask(&healths, &function), |_| ()).boxed()
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
        self.fate.say(0, || match (event::minute(payload), event::is_probe(payload)) {
            (Some(minute), false) => format!("accepts request {request}, which counts under minute {minute}"),
            (Some(minute), true) => format!("accepts request {request}, a probe, which counts under minute {minute}"),
            (None, _) => format!("accepts request {request}"),
        });
        if event::is_probe(payload)
            && let Some(what) = self.launches.probes(&request)
        {
            self.facts.lock().violated(what, None, None);
        }
        let now_minute = (BEGIN_MS + worker.now_us() / 1000 + self.skew_ms) / 60_000;
        let over = self.launches.accepted(&request, event::minute(payload), now_minute, self.cap);
        if let Some(over) = over.filter(|_| self.cap > 0) {
            let what = format!("{over} invocations are outstanding beyond the cap of {} (G6)", self.cap);
            self.facts.lock().violated(what, None, None);
        }
        worker.accept(&request, payload);
    }
}
