//! Checks both roads, and that the queues are empty afterwards.

use anyhow::{Result, ensure};
use tokio::time::Instant;

use super::super::{
    site::{PATIENCE, Site},
    tasks::{echo, straight},
};

/// A thousand calls through the dispatcher, each with its own result.
pub async fn wide(site: &Site) -> Result<String> {
    let start = Instant::now();
    let texts: Vec<String> = (0..1000).map(|n| format!("hello {n}")).collect();
    let batch = echo.fan_out(texts.clone()).name("smoke: wide road").await?;
    let accepted = start.elapsed();
    let progress = site.ended(&batch, PATIENCE).await?;
    let ended = start.elapsed();
    ensure!(progress.succeeded == 1000, "{} of 1000 succeeded", progress.succeeded);
    for index in [0, 499, 999] {
        let text = batch.call(index).get(PATIENCE).await?;
        ensure!(text == texts[index as usize], "call {index} returned `{text}`");
    }
    Ok(format!("1000 calls accepted in {accepted:.2?}, ended in {ended:.2?}"))
}

/// Single calls straight to a worker.
pub async fn narrow(_: &Site) -> Result<String> {
    let start = Instant::now();
    let mut calls = Vec::new();
    for n in 0..20 {
        calls.push(call(n).await?);
    }
    let accepted = start.elapsed();
    for (n, call) in calls.iter().enumerate() {
        let text = call.get(PATIENCE).await?;
        ensure!(text == format!("call {n}"), "call {n} returned `{text}`");
    }
    Ok(format!("20 calls accepted in {accepted:.2?}, ended in {:.2?}", start.elapsed()))
}

async fn call(n: usize) -> Result<celeriac::Handle<String>> {
    Ok(straight.delay(format!("call {n}")).await?)
}
