//! Opens a stack as a backend: its ports, its functions, its meter.

use std::{fmt, sync::Arc};

use super::{
    Brake, Functions, Incoming, Meter, Outstanding, Platform, Resolved, Settings, Taken, clients::Clients,
    dynamo::Dynamo, objects::Objects, platform::Aws, queue::Sqs, reactor::Reactor, receive::is_whole,
};
use celeriac_core::{
    id::ParcelId,
    planner,
    ports::{Clock, Delivery, Entropy, Lanes, PortError, Ports, Profile, SystemClock, SystemEntropy, Threads},
    task::Registry,
};

/// The most bytes of a parcel: as text, and with an invocation's other data, within the 256 KB that Lambda bills as one
/// request.
const MESSAGE_BYTES: usize = 190 << 10;

/// The most bytes of one call if there is a bucket: a body may have 16 MB when it is opened.
const CALL_BYTES: usize = 15 << 20;

/// The time between a worker's recordings. Each is a write, and unrecorded calls may run again after a crash.
const CHECKPOINT_MS: u64 = 5_000;

/// Retries due within two seconds of each other save a parcel by waiting for each other.
const GATHER_MS: u64 = 2_000;

/// How long a dispatcher waits for messages, in milliseconds, since each poll is a request. Shorter than the margin of
/// a stop after its grace.
const WAIT_MS: u64 = 4_000;

/// Options of a stack: [`Options::default`], and changes to it.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// Time. Defaults to the machine's.
    pub clock: Arc<dyn Clock>,
    /// Random bits. Defaults to the operating system's.
    pub entropy: Arc<dyn Entropy>,
    /// Invokes functions and counts outstanding invocations. Defaults to Lambda and the stack's table.
    pub platform: Option<Arc<dyn Platform>>,
}

impl Options {
    /// See [`clock`](field@Options::clock).
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// See [`entropy`](field@Options::entropy).
    #[must_use]
    pub fn entropy(self, entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, ..self }
    }

    /// See [`platform`](field@Options::platform).
    #[must_use]
    pub fn platform(self, platform: impl Into<Option<Arc<dyn Platform>>>) -> Self {
        Self { platform: platform.into(), ..self }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(SystemEntropy), platform: None }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").finish_non_exhaustive()
    }
}

/// A stack. It sends no request to AWS until a port is used.
#[derive(Clone)]
pub struct Backend {
    pub(super) clients: Arc<Clients>,
    meter: Arc<Meter>,
    platform: Arc<dyn Platform>,
    /// One for the process: it remembers what it owes.
    outstanding: Outstanding,
    pub(super) sqs: Sqs,
    ports: Ports,
}

/// The ports of a stack.
///
/// # Errors
/// As [`Backend::new`].
pub fn open(settings: Settings) -> Result<Ports, PortError> {
    open_with(settings, Options::default())
}

/// The ports of a stack, with these options.
///
/// # Errors
/// As [`Backend::new`].
pub fn open_with(settings: Settings, options: Options) -> Result<Ports, PortError> {
    Backend::new(settings, options).map(|backend| backend.ports())
}

impl Backend {
    /// A stack.
    ///
    /// # Errors
    /// None yet: nothing is requested or started before it is used.
    pub fn new(settings: Settings, options: Options) -> Result<Self, PortError> {
        let meter = Arc::new(Meter::default());
        let profile = Profile {
            message_bytes: MESSAGE_BYTES,
            call_bytes: if settings.bucket.is_some() { CALL_BYTES } else { MESSAGE_BYTES },
            checkpoint_ms: CHECKPOINT_MS,
            gather_ms: GATHER_MS,
            // Until each queue of a stack is two queues of SQS, both lanes are in one.
            lanes: Lanes::Together,
            wait_ms: WAIT_MS,
            lease_ms: settings.lease.as_millis() as u64,
            ..planner::PROFILE
        };
        let bucket = settings.bucket.clone();
        let url = Some(format!("{}:{}", super::store::SCHEME, settings.stack.as_str()).into());
        let Options { clock, entropy, platform } = options;
        let clients = Arc::new(Clients::new(settings, Arc::clone(&meter)));
        let objects = Objects::open(&clients, bucket);
        let platform = platform.unwrap_or_else(|| Arc::new(Aws { clients: Arc::clone(&clients), reactor: Reactor }));
        let outstanding = Outstanding::new(clients.settings(), Arc::clone(&platform), Arc::clone(&clock), &*entropy);
        let dynamo = Arc::new(Dynamo::new(
            Arc::clone(&clients),
            Reactor,
            objects.clone(),
            Arc::clone(&clock),
            Arc::clone(&entropy),
        ));
        let sqs = Sqs::new(Arc::clone(&clients), Reactor, objects, Arc::clone(&clock), Arc::clone(&entropy));
        let ports = Ports {
            queue: Arc::new(sqs.clone()),
            ledger: dynamo.clone(),
            batches: dynamo.clone(),
            dead_letters: dynamo.clone(),
            schedules: dynamo,
            atomic: None,
            clock,
            entropy,
            blocking: Arc::new(Threads),
            profile,
            url,
        };
        Ok(Self { clients, meter, platform, outstanding, sqs, ports })
    }

    /// Its ports.
    pub fn ports(&self) -> Ports {
        self.ports.clone()
    }

    /// Its ports for a dispatcher that launches its functions. A parcel stored in the bucket is received as a stub,
    /// which the dispatcher passes on.
    pub fn dispatcher_ports(&self) -> Ports {
        Ports { queue: Arc::new(self.sqs.of_headers()), ..self.ports() }
    }

    /// Its functions, as the launcher of workers for these tasks.
    pub fn functions(&self, registry: &Registry) -> Functions {
        let (platform, clock) = (Arc::clone(&self.platform), Arc::clone(&self.ports.clock));
        Functions::new(self.settings().clone(), platform, clock, registry, (self.outstanding(), self.brake()))
    }

    /// The meter of its requests to AWS.
    pub fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// The count of its workers' outstanding invocations, over all launchers.
    pub fn outstanding(&self) -> Outstanding {
        self.outstanding.clone()
    }

    /// The brake of its launchers, which holds back the workers of broken functions.
    pub fn brake(&self) -> Brake {
        Brake::new(self.settings(), Arc::clone(&self.platform), Arc::clone(&self.ports.clock))
    }

    /// Counts that a parcel is sent again from its dead-letter queue, and returns how often it was. The count is kept
    /// until then, in milliseconds since 1970.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn resent(&self, parcel: ParcelId, kept_until_ms: u64) -> Result<u32, PortError> {
        self.platform.resent(parcel, kept_until_ms).await
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        self.clients.settings()
    }

    /// A delivery for a message that a mapping of one of the stack's queues delivers, due or not. The run of an unknown
    /// task has no bytes; a parcel stored in the bucket is a stub.
    pub fn delivery(&self, incoming: Incoming<'_>) -> Delivery {
        self.sqs.access.taken(incoming).delivery
    }

    /// Sorts a mapping's messages: those that are due, and settlements that hide the rest. Sends no request to AWS.
    pub async fn take<'a>(&self, incoming: impl IntoIterator<Item = Incoming<'a>>) -> Taken {
        let access = &self.sqs.access;
        access.due(access.early(incoming)).await
    }

    /// Fetches the parcels stored in the bucket. Missing ones are hidden and left out of the answer.
    ///
    /// # Errors
    /// If the backend's threads fail.
    pub async fn resolve(&self, deliveries: Vec<Delivery>) -> Result<Vec<Delivery>, PortError> {
        if deliveries.iter().all(is_whole) {
            return Ok(deliveries);
        }
        let access = Arc::clone(&self.sqs.access);
        Reactor.run(async move { Ok(access.resolve(deliveries).await) }).await
    }

    /// Does the same for messages that have waited long enough: those whose parcels are missing from the bucket are
    /// returned, and those whose parcels cannot be read now are hidden.
    ///
    /// # Errors
    /// If the backend's threads fail.
    pub async fn find(&self, deliveries: Vec<Delivery>) -> Result<Resolved, PortError> {
        if deliveries.iter().all(is_whole) {
            return Ok(Resolved { found: deliveries, gone: Vec::new() });
        }
        let access = Arc::clone(&self.sqs.access);
        Reactor.run(async move { Ok(access.find(deliveries).await) }).await
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").field("settings", self.settings()).finish_non_exhaustive()
    }
}
