//! Calls that have a parcel of their own: a backlog of them, worked off by one process.

use std::{path::Path, sync::atomic::Ordering, time::Duration};

use anyhow::Result;
use celeriac::{App, Client, embedded};
use measure::{Watch, peak_mb};
use serde_json::{Value, json};

use crate::load::{RAN, count, payload};

/// How many clients fill the file. Each sends one call after the other, so that no call shares a parcel with another;
/// they share syncs.
const CLIENTS: u64 = 128;

/// Sends this many calls, each with a parcel of its own.
pub(crate) async fn fill(file: &Path, calls: u64) -> Result<Value> {
    let ports = embedded::open(file)?;
    let senders = (0..CLIENTS).map(|client| {
        let sender = Client::new(ports.clone());
        let share = calls / CLIENTS + u64::from(client < calls % CLIENTS);
        tokio::spawn(async move {
            for n in 0..share {
                count.apply(payload(client << 32 | n)).on(&sender).send().await?;
            }
            Ok::<_, celeriac::Error>(())
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await??;
    }
    Ok(json!({ "sent": calls }))
}

/// Works off what `fill` has sent: how long until all have run and none is in the queue, and the processor time of a
/// call.
pub(crate) async fn work_off(file: &Path, calls: u64) -> Result<Value> {
    let watch = Watch::start();
    let running = App::default().store(format!("sqlite:{}", file.display())).start().await?;
    let client = running.client();
    while RAN.load(Ordering::Relaxed) < calls {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Counting takes as long as there are messages: only the last few are counted.
    while client.ports().queue.depths().await?.iter().any(|depth| depth.ready + depth.in_flight > 0) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (seconds, cpu) = (watch.seconds(), watch.cpu_seconds());
    running.stop().await;
    Ok(json!({
        "per_second": calls as f64 / seconds,
        "cpu_us": cpu * 1e6 / calls as f64,
        "peak_mb": peak_mb(),
    }))
}
