//! `worker`: runs calls, and sends the runs of schedules.

use std::future::Future;

use celeriac_core::ports::BoxError;
use clap::Args;

use super::{
    common::Common,
    exit::Failure,
    role::{self, Serve},
};
use crate::{App, host::Role};

/// Runs calls: receives parcels from the store and runs them. As many such processes as you like may share it
///
/// It sends the runs of scheduled tasks when they are due, to whichever queue they go; on a stack, EventBridge Scheduler
/// does. However many processes do so, a due run is run once.
#[derive(Debug, Args)]
pub(super) struct Worker {
    #[command(flatten)]
    serve: Serve,
}

impl Worker {
    pub(super) fn run<S, F>(self, common: &Common, setup: S) -> Result<(), Failure>
    where
        S: FnOnce(App) -> F,
        F: Future<Output = Result<App, BoxError>>,
    {
        role::run(common, &self.serve, Role::Worker, setup)
    }
}
