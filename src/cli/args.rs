//! The command line as a whole.

use clap::{Args, Parser, Subcommand};
use tracing::level_filters::LevelFilter;

#[cfg(feature = "aws")]
use super::deploy::Deploy;
use super::{
    batches::Batches,
    call::Call,
    dead::Dead,
    dev::Dev,
    dispatcher::Dispatcher,
    exit::{EXIT_CODES, Failure},
    queue::Queue,
    status::Status,
    tasks::Tasks,
    worker::Worker,
};
use crate::{
    logging::{Form, Logging},
    store::Store,
};

/// Runs the tasks of this program, and shows what became of their calls.
#[derive(Debug, Parser)]
#[command(after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) common: Common,

    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Above the options that all commands take.
const COMMON: &str = "Options of all commands";

/// What all commands take.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// The stack on AWS that holds messages and ledger. Defaults to what CELERIAC_STACK names; if that is nothing, a
    /// file is opened
    #[cfg(feature = "aws")]
    #[allow(clippy::doc_markdown, reason = "people read it in a terminal")]
    #[arg(long, global = true, value_name = "NAME", help_heading = COMMON)]
    stack: Option<String>,

    /// The file that holds messages and ledger. Several processes may share it. Defaults to what CELERIAC_DATABASE
    /// names; if that is nothing, celeriac.db
    #[cfg(feature = "embedded")]
    #[allow(clippy::doc_markdown, reason = "people read it in a terminal")]
    #[arg(long, global = true, value_name = "FILE", help_heading = COMMON)]
    database: Option<std::path::PathBuf>,

    /// Print one JSON document on standard output; roles write their log lines as JSON
    #[arg(long, global = true, help_heading = COMMON)]
    pub(super) json: bool,
}

impl Common {
    /// The log, from this level on.
    pub(super) fn logging(&self, level: LevelFilter) -> Logging {
        Logging::new(level, if self.json { Form::Json } else { Form::Text })
    }

    /// Where messages and ledger are: an option goes before the environment.
    #[cfg_attr(
        not(all(feature = "aws", feature = "embedded")),
        allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "without backends there is nothing to choose")
    )]
    pub(super) fn store(&self) -> Result<Store, Failure> {
        #[cfg(all(feature = "aws", feature = "embedded"))]
        if let (Some(stack), Some(file)) = (&self.stack, &self.database) {
            return Err(Failure::Usage(format!(
                "--stack {stack} and --database {} name two stores: give one of them",
                file.display()
            )));
        }
        #[cfg(feature = "aws")]
        if let Some(stack) = &self.stack {
            return Ok(Store::Stack(stack.clone()));
        }
        #[cfg(feature = "embedded")]
        if let Some(file) = &self.database {
            return Ok(Store::File(file.clone()));
        }
        Ok(Store::Environment.resolve())
    }

    /// The stack that the option names, else the environment.
    #[cfg(feature = "aws")]
    pub(super) fn stack(&self) -> Result<task_core::aws::Stack, Failure> {
        let Store::Stack(name) = self.store()? else {
            return Err(Failure::Usage("of which stack? Name it with --stack or CELERIAC_STACK".to_owned()));
        };
        name.parse().map_err(Failure::usage)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Dev(Dev),
    Worker(Worker),
    Dispatcher(Dispatcher),
    Tasks(Tasks),
    Call(Call),
    Status(Status),
    Batches(Batches),
    Dead(Dead),
    Queue(Queue),
    #[cfg(feature = "aws")]
    Deploy(Deploy),
}

impl Default for Command {
    fn default() -> Self {
        Self::Dev(Dev::default())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
