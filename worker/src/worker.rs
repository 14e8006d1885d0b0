//! A worker: what all of its runs share, and how it stops.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use celeriac_core::{
    PerLane,
    client::Client,
    panics,
    parcel::Parcel,
    ports::{Invocation, Ports},
    task::{Registry, Shared, States, TaskDef},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    Report, Summary, WorkerOptions,
    claim::OwnParcels,
    execution::{BlockingCalls, Limits, PollThreads, RunState, Watchdog},
    invocation::{self, Terms},
};

/// How long after the grace a stop waits for runs to record their verdicts.
const SETTLE: Duration = Duration::from_secs(5);

/// Runs the parcels that it is given.
pub struct Worker {
    registry: Arc<Registry>,
    ports: Ports,
    client: Client,
    states: States,
    options: WorkerOptions,
    threads: PerLane<Arc<PollThreads>>,
    limits: Limits,
    watchdog: Watchdog,
    own_parcels: OwnParcels,
    live: watch::Sender<usize>,
    stopping: CancellationToken,
    grace_us: AtomicU64,
}

impl Worker {
    /// A worker for these tasks, on these ports.
    pub fn new(registry: Arc<Registry>, ports: Ports, states: States, options: WorkerOptions) -> Arc<Self> {
        panics::locate();
        let client = Client::new(ports.clone());
        Arc::new(Self {
            registry,
            ports,
            states,
            threads: PerLane::new(|_| Arc::new(PollThreads::new(&options, client.home()))),
            client,
            limits: Limits::new(&options),
            watchdog: Watchdog::new(options.stall),
            own_parcels: OwnParcels::default(),
            live: watch::Sender::new(0),
            stopping: CancellationToken::new(),
            grace_us: AtomicU64::new(u64::MAX),
            options,
        })
    }

    /// The client for the calls that its tasks make without naming one. It sends them to the store from which the
    /// worker gets its own calls, whatever other workers this process has.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Runs every delivery until it is settled, or until `deadline_ms`, in milliseconds since 1970. Calls that have not
    /// ended by then are handed on. Dropping the future counts as the death of this worker for its parcels.
    pub async fn run(&self, invocation: Invocation, deadline_ms: Option<u64>) -> Summary {
        self.run_as(Arc::clone(&self.options.name), invocation, deadline_ms).await.summary
    }

    /// The same as [`Worker::run`], under a name that tells this run from others, and with a report of each parcel.
    pub async fn run_as(&self, holder: Arc<str>, invocation: Invocation, deadline_ms: Option<u64>) -> Report {
        let _live = Live::new(&self.live);
        invocation::run(self, invocation, &Terms { holder, deadline_ms }).await
    }

    /// Starts no more calls, lets running calls end within `grace`, records, and hands on the rest. Returns when all
    /// runs have ended, or five seconds after the grace. Parcels that could not be settled by then are delivered again.
    pub async fn stop(&self, grace: Duration) {
        let grace_us = self.ports.clock.monotonic_us().saturating_add(grace.as_micros() as u64);
        self.grace_us.store(grace_us, Ordering::Release);
        self.stopping.cancel();
        let mut live = self.live.subscribe();
        tokio::select! {
            biased;
            _ = live.wait_for(|live| *live == 0) => {}
            () = self.ports.clock.sleep(grace + SETTLE) => {
                tracing::error!(runs = *self.live.borrow(), "runs have not ended in time; their parcels are delivered again");
            }
        }
    }

    /// How many calls run now. A stop waits for these. Always 0 without [`WorkerOptions::isolate`].
    pub fn running_calls(&self) -> usize {
        self.watchdog.running()
    }

    /// How many threads are blocked by calls that were given up.
    pub fn blocked_threads(&self) -> usize {
        self.threads.both().into_iter().map(|threads| threads.given_up()).sum()
    }

    pub(crate) fn stall(&self) -> Duration {
        self.options.stall
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn unknown_task_grace(&self) -> Duration {
        self.options.unknown_task_grace
    }

    pub(crate) fn own_parcels(&self) -> &OwnParcels {
        &self.own_parcels
    }

    pub(crate) fn watch(&self, state: &Arc<RunState>) {
        // Without `isolate` the worker starts no threads, and a call that blocks its thread blocks the run too.
        if self.options.isolate {
            self.watchdog.watch(state);
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Waits until the worker is being stopped.
    pub(crate) async fn stopped(&self) {
        self.stopping.cancelled().await;
    }

    /// When running calls must have ended, once the worker is being stopped.
    pub(crate) fn grace_us(&self) -> u64 {
        self.grace_us.load(Ordering::Acquire)
    }

    /// Whether a stop no longer waits for verdicts to be recorded.
    pub(crate) fn has_stopped(&self) -> bool {
        let ends_us = self.grace_us().saturating_add(SETTLE.as_micros() as u64);
        self.is_stopping() && self.ports.clock.monotonic_us() >= ends_us
    }

    /// The state that the run of a parcel shares with the threads that poll its calls.
    pub(crate) fn run_state(&self, parcel: Parcel, def: &'static TaskDef, deadline_ms: Option<u64>) -> Arc<RunState> {
        let clock = &self.ports.clock;
        let last_us = deadline_ms.map_or(u64::MAX, |deadline_ms| {
            let left_ms = deadline_ms.saturating_sub(clock.now_ms());
            // If there is little time in all, some of it is kept for the calls.
            let margin_ms = (self.options.margin.as_millis() as u64).min(left_ms / 4);
            clock.monotonic_us().saturating_add((left_ms - margin_ms).saturating_mul(1000))
        });
        // One for each run: if all runs shared one, their sequences would contend for its reference count.
        let shared = Arc::new(Shared { states: self.states.clone(), clock: Arc::clone(clock) });
        let blocking = BlockingCalls { threads: Arc::clone(&self.ports.blocking), client: self.client.clone() };
        // A lone call is polled at once, though bulk calls that compute keep their threads busy.
        let lane = parcel.header.lane();
        let (permits, threads) = (self.limits.of(def, lane), Arc::clone(self.threads.of(lane)));
        Arc::new(RunState::new(parcel, def, shared, blocking, threads, permits, last_us))
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A run that has not ended.
struct Live<'a>(&'a watch::Sender<usize>);

impl<'a> Live<'a> {
    fn new(live: &'a watch::Sender<usize>) -> Self {
        live.send_modify(|live| *live += 1);
        Self(live)
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|live| *live -= 1);
    }
}
