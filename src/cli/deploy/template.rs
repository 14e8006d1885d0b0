//! `deploy template`.

use clap::Args;
use task_core::{
    aws::Stack,
    ports::{Clock, SystemClock},
};

use super::{
    super::{exit::Failure, print, session},
    Settings,
};
use crate::deploy;

/// Writes the `CloudFormation` template of a stack that runs the tasks of this program
///
/// Queues, functions, ledger, schedules, alarms, and what each may do. Nothing is sent to AWS: give it to
/// `aws cloudformation deploy`. The same program and settings write the same text.
#[derive(Debug, Args)]
pub(super) struct Template {
    #[command(flatten)]
    settings: Settings,

    /// The stack's name, from which all other names follow: a letter, then up to 39 of a-z, 0-9 and `-`
    #[arg(long, value_name = "NAME", env = "CELERIAC_STACK", hide_env_values = true)]
    stack: Stack,
}

impl Template {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let registry = session::registry()?;
        let settings = self.settings.read()?;
        let now_ms = SystemClock::new().now_ms();
        let template = deploy::template(&self.stack, &registry, &settings, now_ms).map_err(Failure::start)?;
        print::write_json(&template)
    }
}
