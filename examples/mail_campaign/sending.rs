//! Makes the state of the task from the command line or from a worker's environment.

use std::time::Duration;

use anyhow::Context as _;
use celeriac::parse_duration;
use clap::{Args, Parser};
use lettre::message::Mailbox;

use super::{
    letters::Letters,
    mailer::{Mailer, Way},
    outbox::Outbox,
    smtp::{Server, Smtp},
};

/// How mails are sent: by this process, or by a worker, which has no command line and takes its settings from the
/// environment.
#[derive(Args)]
pub struct Sending {
    /// Tells campaigns to the same people apart. Defaults to the file's name.
    #[arg(long, value_name = "NAME", env = "MAIL_CAMPAIGN")]
    pub campaign: Option<String>,
    /// Writes each mail into this folder as an `.eml` file, unless there is a server to send it to.
    #[arg(long, value_name = "DIR", default_value = "outbox", conflicts_with = "smtp", env = "MAIL_OUTBOX")]
    pub outbox: std::path::PathBuf,
    /// Sends each mail to this server: `smtp://HOST` or `smtp://HOST:PORT`.
    #[arg(long, value_name = "URL", env = "MAIL_SMTP")]
    pub smtp: Option<Server>,
    /// The sender.
    #[arg(long, value_name = "MAILBOX", default_value = "Celeriac <campaign@example.com>", env = "MAIL_FROM")]
    pub from: Mailbox,
    /// The most connections to the server at a time.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100), env = "MAIL_CONNECTIONS")]
    pub connections: u32,
    /// How long the server may take for one mail, from connecting to its last word.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration, env = "MAIL_TIMEOUT")]
    pub timeout: Duration,
    /// How many times a mail is tried if the server does not take it for now.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10), env = "MAIL_TRIES")]
    pub tries: u32,
}

/// The environment of a worker.
#[derive(Parser)]
struct Environment {
    #[command(flatten)]
    sending: Sending,
}

impl Sending {
    /// The settings in the environment.
    pub fn from_environment() -> anyhow::Result<Self> {
        Ok(Environment::try_parse_from(["worker"])?.sending)
    }

    /// Sends the mails of a campaign of this name.
    pub async fn mailer(&self, campaign: &str) -> anyhow::Result<Mailer> {
        Ok(Mailer { letters: Letters::new(campaign, self.from.clone())?, way: self.way().await?, tries: self.tries })
    }

    async fn way(&self) -> anyhow::Result<Way> {
        let Some(server) = &self.smtp else {
            let outbox = Outbox::open(&self.outbox);
            return Ok(Way::Outbox(outbox.with_context(|| format!("cannot use {} as outbox", self.outbox.display()))?));
        };
        let smtp = Smtp::new(server.clone(), self.connections, self.timeout);
        smtp.check().await.context("nothing is sent")?;
        Ok(Way::Smtp(smtp))
    }
}
