//! The client.

use std::sync::Arc;

use anyhow::{Result, bail};
use aws_host::now_ns;
use celeriac::Client;
use measure::{Watch, payload, peak_mb};
use serde_json::{Value, json};
use task_core::ports::Ports;

use crate::{
    child::{answer, say},
    load::{alone, backend, packed},
    unrecorded::Unrecorded,
};

/// Answers `packed N BYTES` and `alone N BYTES`: makes so many calls with arguments of so many bytes.
pub(crate) fn run(url: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let client = Client::new(Ports { batches: Arc::new(Unrecorded), ..backend(url)?.ports() });
    say(&json!({}));
    answer(|question| match *question {
        [mode, calls, bytes] => runtime.block_on(fan_out(&client, mode, calls.parse()?, bytes.parse()?)),
        _ => bail!("no such question: {question:?}"),
    })
}

async fn fan_out(client: &Client, mode: &str, calls: u64, bytes: usize) -> Result<Value> {
    let arguments = (0..calls).map(|n| payload(n, bytes));
    let (watch, from_ns) = (Watch::start(), now_ns());
    let accepted = match mode {
        "packed" => packed.fan_out(arguments).on(client).await?.accepted(),
        "alone" => alone.fan_out(arguments).on(client).await?.accepted(),
        other => bail!("no such mode: {other}"),
    };
    anyhow::ensure!(accepted == calls, "{accepted} of {calls} calls were accepted");
    Ok(json!({
        "from_ns": from_ns,
        "seconds": watch.seconds(),
        "cpu": watch.cpu_seconds(),
        "peak_mb": peak_mb(),
    }))
}
