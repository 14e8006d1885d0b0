//! A lone call behind a bulk backlog of its queue, and what the two lanes cost each other.

use std::{path::Path, sync::atomic::Ordering::Relaxed, time::Duration};

use anyhow::Result;
use celeriac::{App, Client, embedded};
use measure::{Watch, percentile};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};

use crate::load::{STARTED, WAITED, payload, stamp, wait};

/// How long each part is measured, after a while in which workers reach their full speed.
const WARM_UP: Duration = Duration::from_secs(4);
const PART: Duration = Duration::from_secs(10);

/// How many lone calls there are, one after the other.
const LONE: u64 = 200;

/// How many senders of interactive calls there are when they come without end.
const SENDERS: u64 = 256;

/// `fan_out` of this many calls of 50 ms, with no worker.
pub(super) async fn backlog(file: &Path, calls: u64) -> Result<Value> {
    let client = Client::new(embedded::open(file)?);
    let watch = Watch::start();
    wait.fan_out((0..calls).map(payload)).on(&client).await?;
    Ok(json!({ "seconds": watch.seconds() }))
}

/// Starts a worker on the backlog, if there is one. Measures how fast it is worked off alone, beside lone calls, and
/// beside endless interactive calls; and how long lone calls wait.
pub(super) async fn behind(file: &Path) -> Result<Value> {
    let running = App::default().store(format!("sqlite:{}", file.display())).start().await?;
    let client = running.client();
    tokio::time::sleep(WARM_UP).await;
    let alone = rate(pause()).await?.0;
    let (beside_lone, mut waits) = rate(lone(&client)).await?;
    let (beside_endless, interactive) = rate(endless(&client)).await?;
    let left: u64 = client.ports().queue.depths().await?.iter().map(|depth| depth.ready).sum();
    let readings = json!({
        "p50_ms": percentile(&mut waits, 0.5) * 1e3,
        "p99_ms": percentile(&mut waits, 0.99) * 1e3,
        "most_ms": percentile(&mut waits, 1.0) * 1e3,
        "bulk_alone": alone,
        "bulk_beside_lone": beside_lone,
        "bulk_beside_endless": beside_endless,
        "interactive": interactive,
        "parcels_left": left,
    });
    // The rest of the backlog is of no interest.
    println!("{readings}");
    std::process::exit(0)
}

async fn pause() -> Result<()> {
    tokio::time::sleep(PART).await;
    Ok(())
}

/// How many bulk calls end in a second meanwhile.
async fn rate<T>(meanwhile: impl Future<Output = Result<T>>) -> Result<(f64, T)> {
    let (watch, before) = (Watch::start(), WAITED.load(Relaxed));
    let value = meanwhile.await?;
    Ok(((WAITED.load(Relaxed) - before) as f64 / watch.seconds(), value))
}

/// The seconds from when each call was accepted until it started.
async fn lone(client: &Client) -> Result<Vec<f64>> {
    let mut accepted = Vec::new();
    for number in 0..LONE {
        stamp.apply(number).on(client).send().await?;
        accepted.push(Instant::now());
        tokio::time::sleep(PART / LONE as u32).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let started = STARTED.lock().expect("no holder panics");
    anyhow::ensure!(started.len() == LONE as usize, "{} of {LONE} lone calls have started", started.len());
    Ok((0..).zip(accepted).map(|(number, at)| (started[&number] - at).as_secs_f64()).collect())
}

/// Sends as many calls as are accepted. Returns how many started in a second.
async fn endless(client: &Client) -> Result<f64> {
    let ends = Instant::now() + PART;
    let before = STARTED.lock().expect("no holder panics").len();
    let mut senders = JoinSet::new();
    for sender in 1..=SENDERS {
        let client = client.clone();
        senders.spawn(async move {
            let mut number = sender << 32;
            while Instant::now() < ends {
                number += 1;
                stamp.apply(number).on(&client).send().await?;
            }
            Ok::<_, celeriac::Error>(())
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    let started = STARTED.lock().expect("no holder panics").len() - before;
    Ok(started as f64 / PART.as_secs_f64())
}
