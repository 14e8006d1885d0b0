//! `dispatcher`: what has to go on beside the workers.

use std::time::Duration;

use clap::Args;
use task_core::scheduler::Scheduler;
use tokio_util::sync::CancellationToken;

use super::{args::Store, exit::Failure, logging::Logging, role, session};
use crate::sweep::sweep;

/// Sends the runs of schedules. Executes no task
///
/// On a file each worker dispatches to itself, so this role has only what is left to do for all of them: it sends
/// the runs of scheduled tasks when they are due. `dev` does the same in its one process. Several may run at once: a
/// due run is still run once.
#[derive(Debug, Args)]
pub(super) struct Dispatcher {}

impl Dispatcher {
    pub(super) fn run(store: &Store) -> Result<(), Failure> {
        Logging::new("info", store.json).install();
        let registry = session::registry()?;
        let runtime = role::runtime()?;
        let done = runtime.block_on(async {
            let ports = store.open()?;
            let scheduler = Scheduler::new(ports.clone(), &registry).map_err(Failure::start)?;
            let stop = CancellationToken::new();
            role::listen(&stop, Duration::ZERO)?;
            tracing::info!(schedules = scheduler.len(), database = %store.database.display(), "dispatching");
            tokio::join!(scheduler.run(stop.clone()), sweep(ports, stop));
            tracing::info!("stopped");
            Ok(())
        });
        runtime.shutdown_background();
        done
    }
}
