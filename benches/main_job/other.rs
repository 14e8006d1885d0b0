//! Calls that one process makes and another runs, and what a process costs that waits for them.

use std::{
    fs::OpenOptions,
    io::BufRead as _,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use celeriac::{App, Client, embedded, task};
use measure::{cpu, monotonic_us, percentile, wake_ups};
use serde_json::{Value, json};

/// How long each call took from the moment at which it was made to its start, in microseconds.
static TOOK_US: Mutex<Vec<f64>> = Mutex::new(Vec::new());

/// Notes how long it took to start.
#[task(retries = 0)]
async fn note_start(made_us: f64) {
    TOOK_US.lock().unwrap_or_else(PoisonError::into_inner).push(monotonic_us() - made_us);
}

/// Makes calls one by one, each after a pause of this many milliseconds. Before each call it syncs 4 KB in the same
/// folder, since a disk that rests between two syncs is slower than one that is kept busy.
pub(crate) async fn make(file: &Path, calls: u64, pause_ms: u64) -> Result<Value> {
    let client = Client::new(embedded::open(file)?);
    let beside = OpenOptions::new().create(true).truncate(false).write(true).open(file.with_extension("floor"))?;
    let pause = Duration::from_millis(pause_ms / 2);
    let (page, mut syncs) = ([7u8; 4096], Vec::new());
    for n in 0..calls {
        tokio::time::sleep(pause).await;
        let from_us = monotonic_us();
        beside.write_all_at(&page, n % 64 * 4096)?;
        beside.sync_data()?;
        syncs.push(monotonic_us() - from_us);
        tokio::time::sleep(pause).await;
        note_start.apply(monotonic_us()).on(&client).send().await?;
    }
    Ok(json!({ "p50_us": percentile(&mut syncs, 0.5), "p99_us": percentile(&mut syncs, 0.99) }))
}

/// Runs calls until its input ends. Answers `took` with how long they took to start since it was asked last, and
/// `usage` with what the process has used so far.
pub(crate) async fn serve(file: &Path) -> Result<Value> {
    let running = App::default().store(format!("sqlite:{}", file.display())).start().await?;
    println!("{}", json!({ "serves": true }));
    let answers = tokio::task::spawn_blocking(|| -> Result<()> {
        for question in std::io::stdin().lock().lines() {
            match question?.as_str() {
                "took" => {
                    let took = std::mem::take(&mut *TOOK_US.lock().unwrap_or_else(PoisonError::into_inner));
                    println!("{}", json!(took));
                }
                "usage" => println!("{}", json!({ "cpu_us": cpu().as_secs_f64() * 1e6, "wake_ups": wake_ups() })),
                other => bail!("no such question: {other}"),
            }
        }
        Ok(())
    });
    answers.await.context("the thread that answers has died")??;
    running.stop().await;
    Ok(json!({}))
}

/// Keeps a processor busy until its input ends.
pub(crate) fn burn() -> Value {
    std::thread::spawn(|| {
        loop {
            std::hint::spin_loop();
        }
    });
    std::io::stdin().lock().lines().for_each(drop);
    json!({})
}
