//! Asks for confirmation before an action that cannot be undone.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use super::exit::Failure;

/// The options of commands that ask for confirmation.
#[derive(Debug, Args)]
pub(super) struct Confirm {
    /// Do not ask
    #[arg(long)]
    yes: bool,

    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl Confirm {
    /// Asks a person for confirmation. Without a terminal, `--yes` is required.
    pub(super) fn ask(&self, what: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::Usage(format!(
                "this would {what}: pass --yes to do it, or --dry-run to see what it would do"
            )));
        }
        let mut answer = String::new();
        let asked = write!(io::stderr(), "{what}? [y/N] ").and_then(|()| io::stdin().lock().read_line(&mut answer));
        match (asked, answer.trim()) {
            (Ok(_), "y" | "Y" | "yes") => Ok(()),
            _ => Err(Failure::Failed("nothing was done".to_owned())),
        }
    }
}
