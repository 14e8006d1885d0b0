//! A burst in an account with a concurrency of 10, as new accounts have. The stack has to be deployed with `cap = 8`.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::Instant;

use super::{
    Seen,
    aws::{Aws, now_s},
};
use crate::{site::Site, tasks::slow};

/// The most concurrency of an account that this says something about.
const SMALL: u64 = 20;

/// A second each: with eight at a time, less than a minute of work.
const CALLS: usize = 240;

pub async fn run(site: &Site, aws: &Aws, worker: &str) -> Result<Seen> {
    let limit = aws.json(&["lambda", "get-account-settings"])?;
    let limit = limit["AccountLimit"]["ConcurrentExecutions"].as_u64().context("the account has no limit")?;
    if limit > SMALL {
        return Ok(Seen::Not(format!("the account has a concurrency of {limit}: use a new account, which has 10")));
    }
    let (from_s, began) = (now_s(), Instant::now());
    let batch = slow.fan_out(vec![1; CALLS]).name("smoke: drill").await?;
    let progress = site.ended(&batch, Duration::from_mins(20)).await?;
    ensure!(progress.succeeded == CALLS as u64, "{} of {CALLS} succeeded", progress.succeeded);
    let took = began.elapsed();
    let launches = aws.launches(worker, from_s);
    // Two of the account's places are the dispatchers'.
    let least_s = CALLS as u64 / (limit - 2);
    Ok(Seen::Well(format!(
        "{CALLS} calls of a second took {took:.0?}, at least {least_s} s with {limit} places; {launches}"
    )))
}
