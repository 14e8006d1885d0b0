//! Sums up a campaign, from its first start to its last mail.

use std::{fmt, process::ExitCode};

use celeriac::{Batch, Client, DeadLetter, DeadQuery};
use serde::Serialize;

use super::{campaign::Campaign, recipients::Survey};

/// How many dead letters are named; the rest is counted.
const NAMED: usize = 10;

/// The summary of a campaign.
#[derive(Serialize)]
pub struct Summary {
    /// How many mails were asked for.
    accepted: u64,
    /// How many were sent.
    sent: u64,
    /// How many tries failed and were followed by another.
    retried: u64,
    /// How many mails could not be sent.
    dead: u64,
    /// How many rows had no address to send to.
    skipped: u64,
    /// From its first start to its last mail, pauses included.
    seconds: f64,
    #[serde(skip)]
    name: String,
    #[serde(skip)]
    letters: Vec<DeadLetter>,
}

impl Summary {
    /// The summary of a complete campaign.
    pub async fn of<O>(
        campaign: &Campaign,
        survey: &Survey,
        client: &Client,
        batch: &Batch<O>,
    ) -> Result<Self, celeriac::Error> {
        let progress = batch.progress().await?;
        let query = DeadQuery::new(NAMED).batch(batch.id());
        let took_ms = progress.finished_ms.unwrap_or(progress.created_ms).saturating_sub(progress.created_ms);
        Ok(Self {
            accepted: progress.total,
            sent: progress.succeeded,
            retried: progress.retries,
            dead: progress.dead,
            skipped: survey.skipped,
            seconds: took_ms as f64 / 1000.0,
            name: campaign.name.clone(),
            letters: client.dead(query).await?,
        })
    }

    /// Prints it, and returns the exit code of the process.
    pub fn print(&self, json: bool) -> anyhow::Result<ExitCode> {
        for letter in &self.letters {
            eprintln!("not sent: {}", celeriac::printable(&letter.message));
        }
        if self.dead > self.letters.len() as u64 {
            eprintln!("not sent: {} more", self.dead - self.letters.len() as u64);
        }
        if json {
            println!("{}", serde_json::to_string(self)?);
        } else {
            println!("{self}");
        }
        Ok(if self.dead == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, sent, retried, dead, skipped, seconds, name, .. } = self;
        write!(
            f,
            "campaign `{name}`: {sent} of {accepted} mails sent in {seconds:.1} s, {retried} tries again, {dead} dead \
             letters, {skipped} rows skipped"
        )
    }
}
