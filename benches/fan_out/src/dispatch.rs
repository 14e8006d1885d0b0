//! The child that runs the dispatcher in its long-lived role.

use std::sync::Arc;

use anyhow::{Result, bail};
use celeriac::Registry;
use celeriac_aws::Backend;
use celeriac_dispatcher::{Dispatcher, DispatcherOptions};
use measure::{Watch, peak_mb};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    child::{answer, say},
    load::{QUEUE, backend, units},
};

/// Dispatches until there are no more requests. Answers `reset`, and `readings` since then.
pub(crate) fn run(url: &str) -> Result<()> {
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let backend = backend(url)?;
    let stop = CancellationToken::new();
    let running = runtime.spawn(dispatch(&backend, stop.clone())?);
    say(&json!({}));
    let (mut watch, mut before) = (Watch::start(), units(&backend));
    answer(|question| match *question {
        ["reset"] => {
            (watch, before) = (Watch::start(), units(&backend));
            Ok(json!({}))
        }
        ["readings"] => Ok(json!({
            "cpu": watch.cpu_seconds(),
            "peak_mb": peak_mb(),
            "units": units(&backend) - before,
        })),
        _ => bail!("no such question: {question:?}"),
    })?;
    stop.cancel();
    runtime.block_on(running)?;
    say(&Value::Null);
    Ok(())
}

fn dispatch(backend: &Backend, stop: CancellationToken) -> Result<impl Future<Output = ()> + Send + use<>> {
    let functions = backend.functions(&Registry::linked()?);
    // As long as SQS waits for a first message.
    let options = DispatcherOptions { wait_ms: 20_000, ..DispatcherOptions::new([QUEUE]) };
    let dispatcher = Dispatcher::new(backend.ports(), Arc::new(functions), options);
    Ok(async move { drop(dispatcher.run(stop).await) })
}
