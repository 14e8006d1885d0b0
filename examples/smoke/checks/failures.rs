//! Calls that fail, hang and die.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use celeriac::{CallStatus, DeadQuery, Reason};

use super::super::{
    site::{PATIENCE, Site},
    tasks::{block, crash, flaky, hang, refuse},
};

/// A worker's death is known when its invocation is reported as failed; without that, when its lease is over.
const AFTER_DEATHS: Duration = Duration::from_mins(8);

/// Fifty calls that succeed at their third attempt.
pub async fn retries(site: &Site) -> Result<String> {
    let batch = flaky.fan_out(vec![3; 50]).name("smoke: retries").await?;
    let progress = site.ended(&batch, PATIENCE).await?;
    ensure!(progress.succeeded == 50, "{} of 50 succeeded", progress.succeeded);
    ensure!(progress.retries == 100, "{} tries again, not 100", progress.retries);
    let attempt = batch.call(7).get(PATIENCE).await?;
    ensure!(attempt == 3, "succeeded at attempt {attempt}");
    Ok("50 calls succeeded at their third attempt".to_owned())
}

/// A call that fails for good is kept, with its reason, until it is dropped.
pub async fn dead_letters(site: &Site) -> Result<String> {
    let call = refuse.delay("no such customer").await?;
    let status = site.end_of(&call, PATIENCE).await?;
    let CallStatus::Dead { reason: Reason::Failed, message, .. } = &status else {
        anyhow::bail!("it is {status}");
    };
    ensure!(message.contains("no such customer"), "the dead letter says `{message}`");
    let query = DeadQuery::new(10).batch(call.id().batch);
    let letters = site.client.dead(query).await?;
    ensure!(letters.len() == 1, "{} dead letters", letters.len());
    ensure!(site.client.drop_dead(&letters).await? == 1, "it could not be dropped");
    Ok(status.to_string())
}

/// A call that hangs is cut at its timeout.
pub async fn time_out(site: &Site) -> Result<String> {
    let call = hang.delay().await?;
    timed_out(&site.end_of(&call, PATIENCE).await?)
}

/// A call that blocks its thread is reported before the platform ends the function.
pub async fn blocked_thread(site: &Site) -> Result<String> {
    let call = block.delay().await?;
    timed_out(&site.end_of(&call, AFTER_DEATHS).await?)
}

fn timed_out(status: &CallStatus) -> Result<String> {
    ensure!(matches!(status, CallStatus::Dead { reason: Reason::TimedOut, .. }), "it is {status}");
    Ok(status.to_string())
}

/// One of 21 calls kills its worker. That call is found, and the others run.
pub async fn killer_call(site: &Site) -> Result<String> {
    let calls = (0..21).map(|n| n == 13);
    let batch = crash.fan_out(calls).name("smoke: killer call").await?;
    let progress = site.ended(&batch, AFTER_DEATHS).await?;
    ensure!(progress.succeeded == 20, "{} of 20 innocent calls succeeded", progress.succeeded);
    let query = DeadQuery::new(10).batch(batch.id());
    let letters = site.client.dead(query).await?;
    let letter = letters.first().context("there is no dead letter")?;
    ensure!(letters.len() == 1 && letter.id.index == 13, "blamed: {letters:?}");
    ensure!(letter.reason == Reason::Crashed, "its reason is {:?}", letter.reason);
    Ok(letter.message.clone())
}
