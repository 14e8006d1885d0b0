//! `dispatcher`: sends scheduled runs on a file, launches workers on a stack.

use std::time::Duration;

use celeriac_core::{
    ports::PortError,
    scheduler::Scheduler,
    store::{Existence, Hosting, Launching},
    task::Registry,
};
use clap::Args;
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;

use super::{common::Common, exit::Failure, role, session};
use crate::store::OpenStore;
use crate::sweep::sweep;

/// On a file sends the runs of schedules, on AWS launches workers. Executes no task
///
/// With a file, each worker dispatches to itself and also sends the runs of schedules: this role is for a machine that
/// sends runs while no worker runs. With a stack, it does the work of the dispatcher's function without its time limit:
/// it receives parcels and invokes the workers' functions. EventBridge Scheduler sends the runs of schedules there.
/// Several may run at once: a due run is still run once. `dev` does all of it in its one process, without functions.
#[derive(Debug, Args)]
pub(super) struct Dispatcher {
    /// Launch workers for these queues only, separated by commas. Defaults to the queues that the tasks name: the set-up
    /// does not run here
    #[arg(long, value_name = "QUEUES", value_delimiter = ',', value_parser = role::queue)]
    queues: Vec<String>,
}

impl Dispatcher {
    pub(super) fn run(self, common: &Common) -> Result<(), Failure> {
        common.logging(LevelFilter::INFO).install();
        let store = common.store()?;
        let registry = session::registry()?;
        let runtime = role::runtime()?;
        let done = runtime.block_on(async {
            let opened = store.open(Existence::Created)?;
            opened.shared()?;
            opened.check(self.queues(&registry).iter())?;
            let scheduler = Scheduler::new(opened.ports.clone(), &registry).map_err(Failure::start)?;
            let stop = CancellationToken::new();
            role::listen(&stop, Duration::ZERO)?;
            role::give_signs("dispatcher", &opened, None);
            tracing::info!(schedules = scheduler.len(), store = %opened, workers = opened.workers(), "dispatching");
            let schedules = async {
                match opened.hosting() {
                    // The store's service sends due runs to the queue.
                    Hosting::Functions => Ok(()),
                    Hosting::Processes | Hosting::ThisProcess => scheduler.run(stop.clone()).await,
                }
            };
            let launches = self.launch(&opened, &registry, stop.clone());
            // A dispatcher without schedules only sweeps from time to time.
            tokio::try_join!(schedules, sweep(opened.ports.clone(), stop.clone()), launches)?;
            tracing::info!("stopped");
            Ok(())
        });
        runtime.shutdown_background();
        done
    }

    fn queues(&self, registry: &Registry) -> Vec<String> {
        if self.queues.is_empty() {
            let named: std::collections::BTreeSet<_> =
                registry.iter().map(|def| def.options.queue.to_owned()).collect();
            return named.into_iter().collect();
        }
        self.queues.clone()
    }

    /// Launches the store's functions, if it has any, until stopped.
    async fn launch(&self, opened: &OpenStore, registry: &Registry, stop: CancellationToken) -> Result<(), PortError> {
        let Some(Launching { ports, launcher }) = opened.launching(registry) else { return Ok(()) };
        let queues = self.queues(registry);
        tracing::info!(?queues, "launching workers");
        let dispatcher = celeriac_dispatcher::Dispatcher::new(ports, launcher.clone(), opened.dispatching(queues));
        let done = dispatcher.run(stop).await;
        launcher.give_back().await;
        done
    }
}
