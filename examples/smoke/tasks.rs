//! Tasks that end in every possible way.

use std::time::Duration;

use celeriac::{Context, Stop, task};

/// Returns what it is given.
#[task(name = "smoke.echo", queue = "smoke", timeout = "10s", concurrency = 1000)]
pub async fn echo(text: String) -> Result<String, Stop> {
    Ok(text)
}

/// The same on a queue of the narrow road.
#[task(name = "smoke.narrow", queue = "smoke-narrow", timeout = "10s", concurrency = 1000)]
pub async fn straight(text: String) -> Result<String, Stop> {
    Ok(text)
}

/// Fails until its attempt of this number, and then says which it was.
#[task(name = "smoke.flaky", queue = "smoke", retries = 30, backoff = "1s..2s", timeout = "10s", concurrency = 100)]
pub async fn flaky(cx: &Context, attempt: u32) -> Result<u32, Stop> {
    if cx.attempt() < attempt {
        return Err(Stop::RetryAfter(Duration::from_secs(1), format!("not before attempt {attempt}").into()));
    }
    Ok(cx.attempt())
}

/// Fails for good.
#[task(name = "smoke.refuse", queue = "smoke", timeout = "10s")]
pub async fn refuse(why: String) -> Result<(), Stop> {
    Err(Stop::Cancel(why))
}

/// Hangs for longer than it may.
#[task(name = "smoke.hang", queue = "smoke", retries = 0, timeout = "2s")]
pub async fn hang() -> Result<(), Stop> {
    tokio::time::sleep(Duration::from_mins(10)).await;
    Ok(())
}

/// Blocks its thread for longer than its function may run.
#[task(name = "smoke.block", queue = "smoke", retries = 0, timeout = "3s")]
pub async fn block() -> Result<(), Stop> {
    std::thread::sleep(Duration::from_mins(10));
    Ok(())
}

/// Kills its worker, or not.
#[task(name = "smoke.crash", queue = "smoke", retries = 0, timeout = "10s", concurrency = 100)]
pub async fn crash(die: bool) -> Result<(), Stop> {
    if die {
        std::process::exit(3);
    }
    Ok(())
}

/// Takes its time, and longer than it declares, so that a parcel of such calls takes longer than one function may run.
#[task(name = "smoke.slow", queue = "smoke", timeout = "10s", concurrency = 1)]
pub async fn slow(seconds: u64) -> Result<(), Stop> {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Ok(())
}

/// Returns the size of its argument, for arguments that fit into no message.
#[task(name = "smoke.measure", queue = "smoke", timeout = "10s")]
pub async fn measure(text: String) -> Result<u64, Stop> {
    Ok(text.len() as u64)
}

/// Runs every minute, and makes a call whose id follows from the minute, so that it can be found.
#[task(name = "smoke.minute", queue = "smoke", timeout = "10s", schedule = "rate(1 minute)")]
pub async fn minute(cx: &Context) -> Result<(), Stop> {
    let run = cx.id();
    scheduled.apply(run.to_string()).unique("the latest scheduled run").send().await?;
    Ok(())
}

/// The mark that a scheduled run leaves.
#[task(name = "smoke.scheduled", queue = "smoke", timeout = "10s")]
pub async fn scheduled(by: String) -> Result<String, Stop> {
    Ok(by)
}
