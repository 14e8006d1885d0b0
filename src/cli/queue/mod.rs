//! `queue`: looks at queues, and ends the calls that wait in one.

mod list;
mod purge;

use clap::{Args, Subcommand};

use self::{list::List, purge::Purge};
use super::{exit::Failure, session::Session};

/// The queues: how full they are
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Queue {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Purge(Purge),
}

impl Queue {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        match self.command.unwrap_or_else(|| Command::List(List::default())) {
            Command::List(list) => list.run(session).await,
            Command::Purge(purge) => purge.run(session).await,
        }
    }
}

/// Nothing was ever sent to the named queue.
fn unknown(queue: &str) -> Failure {
    Failure::NotFound(format!(
        "nothing has ever been sent to a queue `{queue}` of this store; `queue list` names those that there are"
    ))
}
