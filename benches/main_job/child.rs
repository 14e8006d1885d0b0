//! The measured code, with one mode for each figure. A child prints one JSON object with its readings.

use std::{io::Write as _, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use celeriac::{App, Client, embedded};
use futures::{StreamExt, stream};
use measure::{Watch, peak_mb, percentile};
use serde_json::{Value, json};

use crate::{
    lanes,
    load::{noop, payload},
    other, single,
};

/// Runs `child MODE FILE N [M]`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let [mode, file, numbers @ ..] = args else { bail!("child MODE FILE N [M]") };
    let number =
        |at: usize| -> Result<u64> { numbers.get(at).context("a number is missing")?.parse().context("not a number") };
    let file = Path::new(file);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let readings = runtime.block_on(async {
        match mode.as_str() {
            "accept" => accept(file, number(0)?).await,
            "end_to_end" => end_to_end(file, number(0)?).await,
            "delays" => delays(file, number(0)?, number(1)?).await,
            "lone" => lone(file, number(0)?).await,
            "lone_blocking" => {
                let (file, calls) = (file.to_owned(), number(0)?);
                tokio::task::spawn_blocking(move || lone_blocking(&file, calls)).await?
            }
            "contend" => contend(file, number(0)?).await,
            "first" => first(file).await,
            "backlog" => lanes::backlog(file, number(0)?).await,
            "behind" => lanes::behind(file).await,
            "fill" => single::fill(file, number(0)?).await,
            "work_off" => single::work_off(file, number(0)?).await,
            "make" => other::make(file, number(0)?, number(1)?).await,
            "serve" => other::serve(file).await,
            "burn" => Ok(other::burn()),
            other => bail!("no such mode: {other}"),
        }
    })?;
    // The parent may have read enough.
    let _ = writeln!(std::io::stdout(), "{readings}");
    Ok(())
}

fn client(file: &Path) -> Result<Client> {
    Ok(Client::new(embedded::open(file)?))
}

/// `fan_out` of `calls` from an iterator: how long until all are durable.
async fn accept(file: &Path, calls: u64) -> Result<Value> {
    let client = client(file)?;
    let watch = Watch::start();
    let batch = noop.fan_out((0..calls).map(payload)).on(&client).await?;
    let (seconds, cpu) = (watch.seconds(), watch.cpu_seconds());
    anyhow::ensure!(batch.accepted() == calls, "{} of {calls} calls were accepted", batch.accepted());
    Ok(json!({ "seconds": seconds, "cpu": cpu, "peak_mb": peak_mb() }))
}

/// `fan_out` with a worker in the same process: how long until every call has run and is recorded.
async fn end_to_end(file: &Path, calls: u64) -> Result<Value> {
    let running = App::default().store(format!("sqlite:{}", file.display())).start().await?;
    let client = running.client();
    let watch = Watch::start();
    let batch = noop.fan_out((0..calls).map(payload)).on(&client).await?;
    let progress = batch.wait(Duration::from_mins(10)).await?;
    let (seconds, cpu) = (watch.seconds(), watch.cpu_seconds());
    anyhow::ensure!(progress.succeeded == calls, "{} of {calls} calls succeeded", progress.succeeded);
    running.stop().await;
    Ok(json!({ "seconds": seconds, "cpu": cpu, "peak_mb": peak_mb() }))
}

/// Single `delay`s with a fixed number in flight, each durable before the next.
async fn delays(file: &Path, calls: u64, at_a_time: u64) -> Result<Value> {
    let client = client(file)?;
    noop.apply(payload(0)).on(&client).send().await?;
    let watch = Arc::new(Watch::start());
    let senders = (0..at_a_time).map(|sender| {
        let (client, watch) = (client.clone(), Arc::clone(&watch));
        tokio::spawn(async move {
            let mut waits = Vec::new();
            for n in 0..calls / at_a_time {
                let from = watch.seconds();
                noop.apply(payload(sender << 32 | n)).on(&client).send().await?;
                waits.push(watch.seconds() - from);
            }
            Ok::<_, celeriac::Error>(waits)
        })
    });
    let mut waits = Vec::new();
    let mut senders = stream::iter(senders).buffer_unordered(at_a_time as usize);
    while let Some(sender) = senders.next().await {
        waits.extend(sender??);
    }
    let seconds = watch.seconds();
    Ok(json!({
        "per_second": waits.len() as f64 / seconds,
        "p50_ms": percentile(&mut waits, 0.5) * 1e3,
        "p99_ms": percentile(&mut waits, 0.99) * 1e3,
        "cpu_us": watch.cpu_seconds() * 1e6 / waits.len() as f64,
    }))
}

/// One `delay` after the other, without other load.
async fn lone(file: &Path, calls: u64) -> Result<Value> {
    let client = client(file)?;
    for n in 0..100 {
        noop.apply(payload(n)).on(&client).send().await?;
    }
    let watch = Watch::start();
    let mut waits = Vec::new();
    for n in 0..calls {
        let from = watch.seconds();
        noop.apply(payload(n)).on(&client).send().await?;
        waits.push(watch.seconds() - from);
    }
    Ok(lone_readings(&watch, &mut waits))
}

/// The same from code that is not async.
fn lone_blocking(file: &Path, calls: u64) -> Result<Value> {
    let client = client(file)?;
    for n in 0..100 {
        noop.apply(payload(n)).on(&client).send().blocking_send()?;
    }
    let watch = Watch::start();
    let mut waits = Vec::new();
    for n in 0..calls {
        let from = watch.seconds();
        noop.apply(payload(n)).on(&client).send().blocking_send()?;
        waits.push(watch.seconds() - from);
    }
    Ok(lone_readings(&watch, &mut waits))
}

fn lone_readings(watch: &Watch, waits: &mut [f64]) -> Value {
    json!({
        "cpu_us": watch.cpu_seconds() * 1e6 / waits.len() as f64,
        "p50_us": percentile(waits, 0.5) * 1e6,
        "p99_us": percentile(waits, 0.99) * 1e6,
    })
}

/// One `delay` after the other for this many milliseconds, while another process does the same.
async fn contend(file: &Path, milliseconds: u64) -> Result<Value> {
    let client = client(file)?;
    let watch = Watch::start();
    let mut waits = Vec::new();
    while watch.seconds() * 1e3 < milliseconds as f64 {
        let from = watch.seconds();
        noop.apply(payload(waits.len() as u64)).on(&client).send().await?;
        waits.push(watch.seconds() - from);
    }
    Ok(json!({ "commits": waits.len(), "longest_ms": percentile(&mut waits, 1.0) * 1e3 }))
}

/// Starts up on an existing file with one call waiting, and ends when that has run.
async fn first(file: &Path) -> Result<Value> {
    let running = App::default().store(format!("sqlite:{}", file.display())).start().await?;
    let client = running.client();
    loop {
        // Another process may have made the call, so only the queue shows whether it has run.
        let waiting: u64 = client.ports().queue.depths().await?.iter().map(|depth| depth.ready + depth.in_flight).sum();
        if waiting == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    println!("{}", json!({ "ran": true }));
    running.stop().await;
    Ok(json!({}))
}
