//! Everything in one process: the dispatcher with its pool of workers, the narrow loops and the scheduler, on one set
//! of ports.

use std::{fmt, sync::Arc, time::Duration};

use dispatcher::{Dispatcher, DispatcherOptions};
use task_core::{
    client::Client,
    ports::Ports,
    scheduler::Scheduler,
    task::{Registry, States},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{Pool, Worker, WorkerOptions, narrow};

/// How the parcels of a queue reach a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Road {
    /// Over a dispatcher that launches workers in parallel: for bursts and for `fan_out`. The default.
    #[default]
    Wide,
    /// Straight from the queue to the worker: one hop less, for a steady trickle of single calls.
    Narrow,
}

/// What one process runs.
pub(crate) struct Host {
    pub(crate) ports: Ports,
    pub(crate) registry: Arc<Registry>,
    pub(crate) states: States,
    pub(crate) queues: Vec<(Arc<str>, Road)>,
    pub(crate) slots: usize,
    pub(crate) schedules: bool,
}

/// Everything in one process, running until [`Running::stop`]. Dropping it stops without waiting for calls: those that
/// were running run again when their lease has ended.
pub struct Running {
    client: Client,
    worker: Arc<Worker>,
    stop: CancellationToken,
    loops: Vec<JoinHandle<()>>,
}

impl Host {
    /// Starts on the current runtime.
    pub(crate) fn start(self) -> Running {
        let Self { ports, registry, states, queues, slots, schedules } = self;
        let stop = CancellationToken::new();
        let worker = Worker::new(Arc::clone(&registry), ports.clone(), states, WorkerOptions::default());
        let on = |road: Road| -> Vec<Arc<str>> {
            queues.iter().filter(|(_, other)| *other == road).map(|(queue, _)| Arc::clone(queue)).collect()
        };
        let mut loops = Vec::new();
        let wide = on(Road::Wide);
        if !wide.is_empty() {
            let pool = Pool::new(Arc::clone(&worker), slots);
            let dispatcher = Dispatcher::new(ports.clone(), pool, DispatcherOptions::new(wide));
            let stop = stop.clone();
            loops.push(tokio::spawn(async move { dispatcher.run(stop).await }));
        }
        let straight = on(Road::Narrow);
        if !straight.is_empty() {
            loops.push(tokio::spawn(narrow(Arc::clone(&worker), straight, slots, stop.clone())));
        }
        if schedules {
            let scheduler = Scheduler::new(ports.clone(), registry);
            let stop = stop.clone();
            loops.push(tokio::spawn(async move { scheduler.run(stop).await }));
        }
        Running { client: Client::new(ports), worker, stop, loops }
    }
}

impl Running {
    /// A client that sends to the queues that are served here.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Stops: nothing new is started, what runs may end within ten seconds, what has not ended then is handed on.
    pub async fn stop(self) {
        self.stop_within(Duration::from_secs(10)).await;
    }

    /// Stops as [`Running::stop`] does, with another grace for what runs.
    pub async fn stop_within(mut self, grace: Duration) {
        self.stop.cancel();
        for ended in self.loops.drain(..) {
            if let Err(error) = ended.await {
                tracing::error!(%error, "a loop of this process had ended by a panic");
            }
        }
        self.worker.stop(grace).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("loops", &self.loops.len()).finish_non_exhaustive()
    }
}
