//! The command line: its commands and common options.

use clap::{Parser, Subcommand};

#[cfg(feature = "deploy")]
use super::deploy::Deploy;
use super::{
    batches::Batches,
    call::Call,
    common::Common,
    completions::{Completions, Man},
    dead::Dead,
    dev::Dev,
    dispatcher::Dispatcher,
    exit::EXIT_CODES,
    health::Health,
    queue::Queue,
    status::Status,
    tasks::Tasks,
    worker::Worker,
};

/// Runs the tasks of this program, and shows the state of their calls.
#[derive(Debug, Parser)]
#[command(after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) common: Common,

    #[command(subcommand)]
    pub(super) command: Option<Command>,
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
    Health(Health),
    #[cfg(feature = "deploy")]
    Deploy(Deploy),
    Completions(Completions),
    Man(Man),
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
