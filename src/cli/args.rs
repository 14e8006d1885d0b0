//! The command line as a whole.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use task_core::embedded::{DATABASE, DATABASE_VARIABLE};

#[cfg(feature = "aws")]
use super::deploy::Deploy;
use super::{
    batches::Batches, call::Call, dead::Dead, dev::Dev, dispatcher::Dispatcher, exit::EXIT_CODES, queue::Queue,
    status::Status, tasks::Tasks, worker::Worker,
};

/// Runs the tasks of this program, and shows what became of their calls.
#[derive(Debug, Parser)]
#[command(after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) store: Store,

    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Above the options that all commands take.
const COMMON: &str = "Options of all commands";

/// What all commands take.
#[derive(Clone, Debug, Args)]
pub(super) struct Store {
    /// The file that holds messages and ledger. Several processes may share it
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = DATABASE_VARIABLE,
        hide_env_values = true,
        default_value = DATABASE,
        help_heading = COMMON
    )]
    pub(super) database: PathBuf,

    /// Print one JSON document on standard output; roles write their log lines as JSON
    #[arg(long, global = true, help_heading = COMMON)]
    pub(super) json: bool,
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
