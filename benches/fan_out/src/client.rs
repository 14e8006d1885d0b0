//! The child that runs the client.

use std::sync::Arc;

use anyhow::{Result, bail};
use aws_host::now_ns;
use celeriac::Client;
use celeriac_core::ports::Ports;
use measure::payload;
use serde_json::json;

use crate::{
    child::{answer, say},
    load::{alone, backend, packed, units},
    unrecorded::Unrecorded,
};

/// Answers `packed N BYTES` and `alone N BYTES`: makes N calls with arguments of BYTES bytes.
pub(crate) fn run(url: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let backend = backend(url)?;
    let client = Client::new(Ports { batches: Arc::new(Unrecorded), ..backend.ports() });
    say(&json!({}));
    answer(|question| match *question {
        [mode, calls, bytes] => {
            let before = units(&backend);
            let from_ns = runtime.block_on(fan_out(&client, mode, calls.parse()?, bytes.parse()?))?;
            Ok(json!({ "from_ns": from_ns, "units": units(&backend) - before }))
        }
        _ => bail!("no such question: {question:?}"),
    })
}

/// Sends the calls. Returns when that began.
async fn fan_out(client: &Client, mode: &str, calls: u64, bytes: usize) -> Result<u64> {
    let arguments = (0..calls).map(|n| payload(n, bytes));
    let from_ns = now_ns();
    let accepted = match mode {
        "packed" => packed.fan_out(arguments).on(client).await?.accepted(),
        "alone" => alone.fan_out(arguments).on(client).await?.accepted(),
        other => bail!("no such mode: {other}"),
    };
    anyhow::ensure!(accepted == calls, "{accepted} of {calls} calls were accepted");
    Ok(from_ns)
}
