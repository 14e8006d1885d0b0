//! `worker`: runs calls, sends no schedules.

use std::future::Future;

use celeriac_core::ports::BoxError;
use clap::Args;

use super::{
    common::Common,
    exit::Failure,
    role::{self, Serve},
};
use crate::App;

/// Runs calls: receives parcels from the store and runs them. As many such processes as you like may share it
///
/// It sends no runs of schedules: one `dispatcher` (or `dev`) beside the workers does.
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
        role::run(common, &self.serve, false, setup)
    }
}
