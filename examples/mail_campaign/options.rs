//! The command line.

use std::{path::PathBuf, time::Duration};

use celeriac::parse_duration;
use clap::Parser;
use lettre::message::Mailbox;

use super::smtp::Server;

/// Sends a mail to everyone in a CSV file, each once, over restarts too.
///
/// The same command goes on with the same campaign: after a crash or a kill it sends what is left, and when all is
/// sent it sends nothing. A campaign is its name, the content of the file, and whether mails go to a server or which
/// folder they go into. Two addresses that differ in upper and lower case only are one.
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
pub struct Options {
    /// CSV file whose first line names its columns, `email` and `name` among them.
    #[arg(long, value_name = "FILE")]
    pub recipients: PathBuf,
    /// Writes each mail into this folder as an `.eml` file, unless there is a server to send it to.
    #[arg(long, value_name = "DIR", default_value = "outbox", conflicts_with = "smtp")]
    pub outbox: PathBuf,
    /// Sends each mail to this server: `smtp://HOST` or `smtp://HOST:PORT`.
    #[arg(long, value_name = "URL")]
    pub smtp: Option<Server>,
    /// Keeps the state of all campaigns.
    #[arg(long, value_name = "FILE", default_value = celeriac::DATABASE)]
    pub database: PathBuf,
    /// Tells campaigns to the same people apart. Defaults to the file's name.
    #[arg(long, value_name = "NAME")]
    pub campaign: Option<String>,
    /// Says what would be sent, and sends nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Writes the summary, or with `--dry-run` the plan, as JSON: the last line on standard output.
    #[arg(long)]
    pub json: bool,
    /// The sender.
    #[arg(long, value_name = "MAILBOX", default_value = "Celeriac <campaign@example.com>")]
    pub from: Mailbox,
    /// The most connections to the server at a time.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub connections: u32,
    /// How long the server may take for one mail, from connecting to its last word.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// How many times a mail is tried that the server does not take for now.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10))]
    pub tries: u32,
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
        self.campaign.clone().unwrap_or_else(|| {
            self.recipients
                .file_stem()
                .map_or_else(|| "campaign".to_owned(), |stem| stem.to_string_lossy().into_owned())
        })
    }

    /// What makes it the same campaign, together with its name.
    pub fn destination(&self) -> std::io::Result<String> {
        match self.smtp {
            // Any server: when one fails, the campaign goes on over another.
            Some(_) => Ok("smtp".to_owned()),
            None => Ok(format!("outbox {}", std::path::absolute(&self.outbox)?.display())),
        }
    }
}
