//! The dispatcher, in its long-lived role.

use std::sync::Arc;

use anyhow::{Result, bail};
use celeriac::Registry;
use dispatcher::{Dispatcher, DispatcherOptions};
use measure::{Watch, peak_mb};
use serde_json::{Value, json};
use task_core::aws::{Backend, Meter};
use tokio_util::sync::CancellationToken;

use crate::{
    child::{answer, say},
    load::{QUEUE, backend},
};

/// Dispatches until there are no more questions. Answers `reset`, and `readings` since then.
pub(crate) fn run(url: &str) -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let backend = backend(url)?;
    let stop = CancellationToken::new();
    let running = runtime.spawn(dispatch(backend.clone(), stop.clone())?);
    say(&json!({}));
    let (mut watch, mut before) = (Watch::start(), Billed::of(&backend.meter()));
    answer(|question| match *question {
        ["reset"] => {
            (watch, before) = (Watch::start(), Billed::of(&backend.meter()));
            Ok(json!({}))
        }
        ["readings"] => {
            let billed = Billed::of(&backend.meter());
            Ok(json!({
                "cpu": watch.cpu_seconds(),
                "peak_mb": peak_mb(),
                "sqs_units": billed.sqs - before.sqs,
                "lambda_units": billed.lambda - before.lambda,
            }))
        }
        _ => bail!("no such question: {question:?}"),
    })?;
    stop.cancel();
    runtime.block_on(running)?;
    say(&Value::Null);
    Ok(())
}

fn dispatch(backend: Backend, stop: CancellationToken) -> Result<impl Future<Output = ()> + Send> {
    let functions = backend.functions(&Registry::linked()?);
    // SQS waits as long for a first message.
    let options = DispatcherOptions { wait_ms: 20_000, ..DispatcherOptions::new([QUEUE]) };
    let dispatcher = Dispatcher::new(backend.ports(), Arc::new(functions), options);
    Ok(async move { dispatcher.run(stop).await })
}

/// What was billed so far.
struct Billed {
    sqs: f64,
    lambda: f64,
}

impl Billed {
    fn of(meter: &Meter) -> Self {
        let mut billed = Self { sqs: 0.0, lambda: 0.0 };
        for ((service, _), usage) in meter.usage() {
            match &*service {
                "SQS" => billed.sqs += usage.units,
                "Lambda" => billed.lambda += usage.units,
                _ => {}
            }
        }
        billed
    }
}
