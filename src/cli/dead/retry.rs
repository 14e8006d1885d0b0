//! `dead retry`: sends dead letters again.

use std::collections::{BTreeMap, BTreeSet};

use celeriac_core::{
    client::Client,
    id::BatchId,
    ports::{Batches, DeadLetter},
};
use clap::Args;
use serde::Serialize;
use tokio::sync::Mutex;

use super::{
    super::{exit::Failure, print, session::Session},
    select::Select,
};

/// Sends dead letters again, under the same ids and with a full set of attempts
///
/// Letters are sent before they are removed, so that no call is lost. Letters of a revoked batch are not sent, since
/// their calls would not run: --reinstate lifts the revocation first. If any letter was not sent for this reason, the
/// exit code is 1.
#[derive(Debug, Args)]
pub(super) struct Retry {
    #[command(flatten)]
    select: Select,

    /// Lift the revocation of their batches first, so that all calls of these batches run again
    #[arg(long)]
    reinstate: bool,
}

#[derive(Serialize)]
struct Answer {
    retried: u64,
    missing: Vec<String>,
    /// How many stay dead letters, by their revoked batch.
    revoked: BTreeMap<String, u64>,
}

impl Retry {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        let client = session.client()?;
        let letters = &*client.ports().dead_letters;
        let (client, reinstate) = (&client, self.reinstate);
        let revoked = &Mutex::new(Revoked::default());
        let retry = |mut page: Vec<DeadLetter>| async move {
            let mut revoked = revoked.lock().await;
            revoked.look_up(client, &page, reinstate).await?;
            page.retain(|letter| revoked.lets(letter));
            Ok(client.retry_dead(&page).await?)
        };
        let selected = self.select.each(letters, retry).await?;
        let revoked = revoked.lock().await;
        if session.json() {
            let missing = selected.missing.iter().map(ToString::to_string).collect();
            let revoked = revoked.kept.iter().map(|(batch, count)| (batch.to_string(), *count)).collect();
            print::write_json(&Answer { retried: selected.count, missing, revoked })?;
        } else {
            print::write(&format!("sent {} again\n", print::count(selected.count, "call")))?;
        }
        selected.complete()?;
        revoked.complete()
    }
}

/// The revoked batches among those of the letters.
#[derive(Default)]
struct Revoked {
    known: BTreeSet<BatchId>,
    /// How many letters of each revoked batch were not sent.
    kept: BTreeMap<BatchId, u64>,
}

impl Revoked {
    /// Looks up which batches of these letters are revoked, or lifts the revocations.
    async fn look_up(&mut self, client: &Client, letters: &[DeadLetter], reinstate: bool) -> Result<(), Failure> {
        let batches: &dyn Batches = &*client.ports().batches;
        for letter in letters.iter().filter(|letter| letter.counted) {
            let batch = letter.id.batch;
            if !self.known.insert(batch) || batches.get(batch).await?.is_none_or(|record| !record.revoked) {
                continue;
            }
            if reinstate {
                batches.reinstate(batch).await?;
            } else {
                self.kept.insert(batch, 0);
            }
        }
        Ok(())
    }

    /// Whether a letter may be sent. Counts those that may not.
    fn lets(&mut self, letter: &DeadLetter) -> bool {
        let kept = self.kept.get_mut(&letter.id.batch).filter(|_| letter.counted);
        kept.map(|count| *count += 1).is_none()
    }

    /// An error that names the batches whose letters were not sent, if there are any.
    fn complete(&self) -> Result<(), Failure> {
        if self.kept.is_empty() {
            return Ok(());
        }
        let count = print::count(self.kept.values().sum(), "dead letter");
        let batches: Vec<String> = self.kept.keys().map(ToString::to_string).collect();
        Err(Failure::Failed(format!(
            "{count} not sent, since their calls would not run: batch {} is revoked; the same command with --reinstate \
             lifts that and sends them",
            batches.join(", ")
        )))
    }
}
