//! Checks the limits: a function's time, a message's size, and the platform's limit on chains.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;

use super::super::{
    site::{PATIENCE, Site},
    tasks::{echo, flaky, measure, slow},
};

/// A minute of calls for a function that may run for forty seconds: unfinished calls are handed on.
pub async fn left_overs(site: &Site) -> Result<String> {
    let start = Instant::now();
    let batch = slow.fan_out(vec![1; 60]).name("smoke: left-overs").await?;
    let progress = site.ended(&batch, Duration::from_mins(5)).await?;
    ensure!(progress.succeeded == 60, "{} of 60 succeeded", progress.succeeded);
    let took = start.elapsed();
    // Of calls that are assumed to be quick, a parcel has forty.
    ensure!(took > Duration::from_secs(40), "{took:.0?}: no parcel of them was more than one function may run for");
    Ok(format!("60 calls of a second each ended in {took:.0?}"))
}

/// A chain of twenty messages, of which AWS would cut one at sixteen unless the stack allows it.
pub async fn many_hops(site: &Site) -> Result<String> {
    let call = flaky.delay(20u32).await?;
    let status = site.end_of(&call, Duration::from_mins(4)).await?;
    ensure!(matches!(status, celeriac::CallStatus::Succeeded), "it is {status}");
    Ok("succeeded at attempt 20".to_owned())
}

/// Arguments of half a megabyte: refused in words without a bucket, run with one.
pub async fn large_arguments(site: &Site) -> Result<String> {
    // Text that does not compress.
    let mut state = 88_172_645_463_325_252_u64;
    let text: String = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'0' + (state % 74) as u8)
    })
    .take(512 << 10)
    .collect();
    let Some(bucket) = &site.settings.bucket else {
        let refused = measure.delay(text).await.err().map(|error| error.to_string());
        let refused = refused.unwrap_or_default();
        ensure!(refused.contains("bytes"), "without a bucket it was not refused: `{refused}`");
        return Ok(format!("refused, since there is no bucket: {refused}"));
    };
    let bytes = measure.delay(text).await?.get(PATIENCE).await?;
    ensure!(bytes == 512 << 10, "{bytes} bytes arrived");
    Ok(format!("512 KB by way of bucket {bucket}"))
}

/// A batch that is revoked before its time does not run.
pub async fn revoked_batch(site: &Site) -> Result<String> {
    let calls = (0..30).map(|n| n.to_string());
    let batch = echo.fan_out(calls).name("smoke: revoked").countdown(Duration::from_secs(8)).await?;
    batch.revoke().await?;
    let progress = site.ended(&batch, PATIENCE).await?;
    ensure!(progress.succeeded == 0 && progress.dead == 30, "{progress:?}");
    Ok("30 calls ended as revoked".to_owned())
}
