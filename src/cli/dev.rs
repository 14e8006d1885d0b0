//! `dev`: runs everything in one process.

use std::future::Future;

use celeriac_core::ports::BoxError;
use clap::Args;

use super::{
    common::Common,
    exit::Failure,
    role::{self, Serve},
};
use crate::{App, host::Role};

/// Runs everything in one process: dispatcher, workers and schedules. The default without a command
///
/// Other processes may share the store at the same time: those that only send calls, workers, commands.
#[derive(Debug, Default, Args)]
pub(super) struct Dev {
    #[command(flatten)]
    serve: Serve,
}

impl Dev {
    pub(super) fn run<S, F>(self, common: &Common, setup: S) -> Result<(), Failure>
    where
        S: FnOnce(App) -> F,
        F: Future<Output = Result<App, BoxError>>,
    {
        role::run(common, &self.serve, Role::Dev, setup)
    }
}
