//! One campaign: its identity over restarts, and its progress until its end.

use std::{io, time::Duration};

use anyhow::{Context as _, ensure};
use celeriac::{Batch, BatchId, BatchRecord, Client, FanOut, Task};
use tokio::{sync::oneshot, time};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    options::Options,
    recipients::{ReadError, Survey},
    screen::Screen,
};

/// How often the screen follows.
const TICK: Duration = Duration::from_millis(100);

/// How many batches are looked through for earlier runs.
const EARLIER: usize = 1000;

/// A campaign.
pub struct Campaign {
    /// Its name, for people.
    pub name: String,
    /// The queue of its mails.
    pub queue: String,
    key: String,
}

impl Campaign {
    /// The campaign that these options ask for.
    pub fn new(options: &Options, survey: &Survey) -> anyhow::Result<Self> {
        let name = options.campaign();
        ensure!(!name.trim().is_empty(), "a campaign needs a name: --campaign NAME");
        let key = format!("{name}\0{}\0{:032x}", options.destination()?, survey.fingerprint);
        let queue = if options.is_elsewhere() {
            // The queue that the stack's workers serve.
            "mail".to_owned()
        } else {
            format!("mail-{:016x}", xxh3_64(key.as_bytes()))
        };
        Ok(Self { name, queue, key })
    }

    /// Gives a batch this campaign's identity: sent again, it continues where it was.
    pub fn identify<'a, T: Task>(&self, mails: FanOut<'a, T>) -> FanOut<'a, T> {
        mails.name(&self.name).unique(&self.key).queue(&self.queue)
    }

    /// Sends the mails and shows progress until the last has ended. `None` if someone stopped it before.
    pub async fn watch<T: Task>(
        &self,
        client: &Client,
        mails: FanOut<'_, T>,
        failure: oneshot::Receiver<ReadError>,
        screen: &Screen,
    ) -> anyhow::Result<Option<Batch<T::Output>>> {
        let mut stop = std::pin::pin!(stopped());
        let mut earlier = client.batches(EARLIER).await?;
        earlier.retain(|batch| batch.name == self.name && batch.task == T::NAME);
        let batch = tokio::select! {
            batch = mails => batch.context("the campaign is not all accepted; the same command goes on")?,
            Ok(error) = failure => return Err(error.into()),
            signal = &mut stop => return signal.map(|()| None).context("cannot wait for signals"),
        };
        if let Some(note) = self.remember(&earlier, batch.id()) {
            screen.say(&note);
        }
        let mut tick = time::interval(TICK);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                signal = &mut stop => return signal.map(|()| None).context("cannot wait for signals"),
            }
            let progress = batch.progress().await?;
            screen.show(&progress);
            if progress.is_complete() {
                return Ok(Some(batch));
            }
        }
    }

    /// Tells the user about earlier runs under this name.
    fn remember(&self, earlier: &[BatchRecord], now: BatchId) -> Option<String> {
        let name = &self.name;
        match earlier.iter().find(|batch| batch.id == now) {
            Some(batch) if batch.closed && batch.tally.ended() >= batch.accepted => Some(format!(
                "campaign `{name}` is complete already: nothing is sent; with another --campaign NAME all is sent again"
            )),
            Some(batch) => {
                let (sent, accepted) = (batch.tally.succeeded, batch.accepted);
                Some(format!("campaign `{name}` goes on: {sent} of {accepted} accepted mails were sent before"))
            }
            None if earlier.is_empty() => None,
            None => Some(format!(
                "note: an earlier campaign `{name}` had other recipients or another destination; this is a new one"
            )),
        }
    }
}

/// Waits until someone asks this process to end.
async fn stopped() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
