//! Checks delays and schedules.

use std::time::Duration;

use anyhow::{Context as _, Result};
use celeriac::{BatchId, Handle};
use tokio::time::Instant;

use super::super::{
    site::{PATIENCE, Site},
    tasks::echo,
};

/// A delay that SQS keeps.
pub async fn short_delay(_: &Site) -> Result<String> {
    delayed(Duration::from_secs(4)).await
}

/// A delay that EventBridge Scheduler keeps.
pub async fn long_delay(_: &Site) -> Result<String> {
    delayed(Duration::from_mins(16)).await
}

async fn delayed(countdown: Duration) -> Result<String> {
    let start = Instant::now();
    let call = echo.apply("later").countdown(countdown).send().await?;
    call.get(countdown + PATIENCE).await?;
    let took = start.elapsed();
    let late = took.checked_sub(countdown).with_context(|| format!("ran after {took:?}, before it was due"))?;
    Ok(format!("ran {late:.1?} after it was due"))
}

/// The scheduled task has run since the stack was deployed, or does so now.
pub async fn schedule(site: &Site) -> Result<String> {
    let run = BatchId::from_key("smoke.scheduled", "the latest scheduled run").call(0);
    let left: Handle<String> = site.client.handle(run);
    let by = left.get(Duration::from_mins(3)).await?;
    Ok(format!("run {by} has left its mark"))
}
