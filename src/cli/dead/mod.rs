//! `dead`: calls that will not be tried again, kept until someone sends them again or drops them.

mod drop;
mod letter;
mod list;
mod retry;
mod select;
mod show;

use clap::{Args, Subcommand};

use self::{drop::Drop, list::List, retry::Retry, show::Show};
use super::{exit::Failure, session::Session};

/// Dead letters: calls that will not be tried again, with their arguments and errors
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Dead {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
    Retry(Retry),
    Drop(Drop),
}

impl Dead {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        match self.command {
            Command::List(list) => list.run(session).await,
            Command::Show(show) => show.run(session).await,
            Command::Retry(retry) => retry.run(session).await,
            Command::Drop(drop) => drop.run(session).await,
        }
    }
}
