//! `dispatcher`: what has to go on beside the workers.

use std::time::Duration;

use clap::Args;
use task_core::scheduler::Scheduler;
#[cfg(feature = "aws")]
use task_core::task::Registry;
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;

use super::{args::Common, exit::Failure, role, session};
#[cfg(feature = "aws")]
use crate::store::Opened;
use crate::sweep::sweep;

/// Sends the runs of schedules, and on AWS launches workers. Executes no task
///
/// On a file each worker dispatches to itself, so this role has only what is left to do for all of them: it sends
/// the runs of scheduled tasks when they are due. On a stack it does what the dispatcher's function does, without its
/// time limit: it receives parcels and invokes the workers' functions. Several may run at once: a due run is still run
/// once. `dev` does all of it in its one process, without functions.
#[derive(Debug, Args)]
pub(super) struct Dispatcher {
    /// Launch workers for these queues only, separated by commas. Defaults to those that the tasks name
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "QUEUES", value_delimiter = ',', value_parser = role::queue)]
    queues: Vec<String>,
}

impl Dispatcher {
    #[cfg_attr(not(feature = "aws"), allow(clippy::unused_self, reason = "only a stack has functions to launch"))]
    pub(super) fn run(self, common: &Common) -> Result<(), Failure> {
        common.logging(LevelFilter::INFO).install();
        let store = common.store()?;
        let registry = session::registry()?;
        let runtime = role::runtime()?;
        let done = runtime.block_on(async {
            let opened = store.clone().open()?;
            #[cfg(feature = "aws")]
            opened.check(self.queues(&registry).iter())?;
            let scheduler = Scheduler::new(opened.ports.clone(), &registry).map_err(Failure::start)?;
            let stop = CancellationToken::new();
            role::listen(&stop, Duration::ZERO)?;
            tracing::info!(schedules = scheduler.len(), %store, "dispatching");
            // On a stack, EventBridge Scheduler says when a run is due, to whoever receives from the queue.
            let schedules = async {
                if !opened.is_stack() {
                    scheduler.run(stop.clone()).await;
                }
            };
            let launches = async {
                #[cfg(feature = "aws")]
                self.launch(&opened, &registry, stop.clone()).await;
            };
            tokio::join!(schedules, sweep(opened.ports.clone(), stop.clone()), launches);
            tracing::info!("stopped");
            Ok(())
        });
        runtime.shutdown_background();
        done
    }

    #[cfg(feature = "aws")]
    fn queues(&self, registry: &Registry) -> Vec<String> {
        if self.queues.is_empty() {
            let named: std::collections::BTreeSet<_> =
                registry.iter().map(|def| def.options.queue.to_owned()).collect();
            return named.into_iter().collect();
        }
        self.queues.clone()
    }

    /// Launches the functions of a stack, until told to stop.
    #[cfg(feature = "aws")]
    async fn launch(&self, opened: &Opened, registry: &Registry, stop: CancellationToken) {
        let Some(backend) = &opened.backend else { return };
        let queues = self.queues(registry);
        tracing::info!(?queues, "launching workers");
        let functions = backend.functions(registry);
        let invoker = std::sync::Arc::new(functions.clone());
        dispatcher::Dispatcher::new(backend.dispatcher_ports(), invoker, opened.dispatching(queues)).run(stop).await;
        functions.give_back().await;
    }
}
