//! The command line.

use std::path::PathBuf;

use celeriac::StoreUrl;
use clap::Parser;

use super::sending::Sending;

/// Sends a mail to everyone in a CSV file, each once, over restarts too.
///
/// The same command continues the same campaign: after a crash or a kill it sends the remaining mails, and once all are
/// sent it sends none. A campaign is identified by its name, the content of the file, and whether mails go to a server
/// or into which folder. Two addresses that differ only in upper and lower case are one.
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
pub struct Options {
    /// CSV file with columns named in its first line, `email` and `name` among them.
    #[arg(long, value_name = "FILE")]
    pub recipients: PathBuf,
    /// Keeps the state of all campaigns: `sqlite:FILE` for mails that this process sends, `aws:STACK` for mails that the
    /// functions of a stack on AWS send.
    #[arg(long, value_name = "URL", env = celeriac::STORE_VARIABLE, default_value = "sqlite:celeriac.db")]
    pub store: StoreUrl,
    /// Prints the plan and sends nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Writes the summary, or with `--dry-run` the plan, as JSON: the last line on standard output.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub sending: Sending,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    every mail is sent
  1    the campaign could not be run; the message says why
  2    the command line is wrong
  3    the campaign is complete, and some mails could not be sent: dead letters
  130  stopped before the end; the same command goes on";

impl Options {
    /// The campaign's name.
    pub fn campaign(&self) -> String {
        self.sending.campaign.clone().unwrap_or_else(|| {
            self.recipients
                .file_stem()
                .map_or_else(|| "campaign".to_owned(), |stem| stem.to_string_lossy().into_owned())
        })
    }

    /// Whether another place than this process and its file sends the mails.
    pub fn is_elsewhere(&self) -> bool {
        self.store.scheme() == "aws"
    }

    /// What makes it the same campaign, together with its name.
    pub fn destination(&self) -> std::io::Result<String> {
        match self.sending.smtp {
            _ if self.is_elsewhere() => Ok("stack".to_owned()),
            // Any server: when one fails, the campaign goes on over another.
            Some(_) => Ok("smtp".to_owned()),
            None => Ok(format!("outbox {}", std::path::absolute(&self.sending.outbox)?.display())),
        }
    }
}
