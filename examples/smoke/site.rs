//! The stack under test, with helpers for common steps.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use celeriac::{
    Batch, CallStatus, Client, Handle, Progress, StoreUrl,
    aws::{Backend, Bill, Meter, Settings},
};
use tokio::time::{Instant, sleep};

/// How long a check waits for a step of seconds: a first environment must start, a poller must wake.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A deployed stack.
pub struct Site {
    pub client: Client,
    pub settings: Settings,
    meter: Arc<Meter>,
}

impl Site {
    /// Of this URL.
    pub fn new(store: &StoreUrl) -> Result<Self> {
        ensure!(store.scheme() == "aws", "`{store}` is no stack on AWS: write `aws:NAME`");
        let settings = Settings::of(store.rest().parse()?)?;
        let backend = Backend::new(settings.clone(), celeriac::aws::Options::default())?;
        let client = Client::new(backend.ports());
        Client::set_default(client.clone());
        Ok(Self { client, settings, meter: backend.meter() })
    }

    /// The requests of this process to AWS so far.
    pub fn bill(&self, calls: u64) -> Bill {
        Bill::new(&self.meter.usage(), calls)
    }

    /// Waits until all calls of a batch have ended.
    pub async fn ended<O>(&self, batch: &Batch<O>, patience: Duration) -> Result<Progress> {
        let id = batch.id();
        batch.wait(patience).await.with_context(|| format!("batch {id} has not ended within {patience:?}"))
    }

    /// Waits until a call has ended, however.
    pub async fn end_of<O>(&self, call: &Handle<O>, patience: Duration) -> Result<CallStatus> {
        let start = Instant::now();
        loop {
            let status = call.status().await?;
            if status.is_final() {
                return Ok(status);
            }
            if start.elapsed() > patience {
                bail!("call {} has not ended within {patience:?}: {status}", call.id());
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
}
