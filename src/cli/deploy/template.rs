//! `deploy template`: writes the `CloudFormation` template.

use celeriac_core::ports::{Clock, SystemClock};
use clap::Args;

use super::{
    super::{common::Common, exit::Failure, print, session},
    Settings,
};
use crate::deploy;

/// Writes the `CloudFormation` template of a stack that runs the tasks of this program
///
/// Queues, functions, ledger, schedules, alarms, and the permissions of each. All names begin with that of the stack.
/// Nothing is sent to AWS: pass the template to `aws cloudformation deploy`. The same program and settings write the
/// same text.
#[derive(Debug, Args)]
pub(super) struct Template {
    #[command(flatten)]
    settings: Settings,

    /// The zip's key in the code bucket. Functions are then published as versions behind the alias `live`, and the stack
    /// has no parameter `CodeKey`
    #[arg(long, value_name = "KEY")]
    code: Option<String>,
}

impl Template {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        let stack = common.stack()?;
        let registry = session::registry()?;
        let settings = self.settings.read()?.with_code(self.code.clone());
        let now_ms = SystemClock::new().now_ms();
        let template = deploy::template(&stack, &registry, &settings, now_ms).map_err(Failure::start)?;
        print::write_json(&template)
    }
}
