//! The child that runs the host, whose workers start calls without running them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use aws_host::{Failure, Faults, Function, Host, HostOptions, Runs, Stub, now_ns};
use bytes::Bytes;
use celeriac_aws::Payload;
use celeriac_core::parcel::Parcel;
use celeriac_core::wire::Header;
use serde_json::{Value, json};

use crate::{
    child::{answer, say},
    load::{FUNCTION, SQS_QUEUE, WORKERS},
};

/// How long a request for a number of calls waits.
const PATIENCE: Duration = Duration::from_mins(2);

/// The calls that workers have started.
#[derive(Default)]
struct Started {
    calls: AtomicU64,
    last_ns: AtomicU64,
}

/// A host whose workers open their parcels, or count calls by the header alone. Answers `reset`, and `calls N` once N
/// calls have started since.
pub(crate) fn host(latency_ms: u64, opens: bool) -> Result<()> {
    let started = Arc::new(Started::default());
    let count = Arc::clone(&started);
    let stub: Stub = Arc::new(move |event: Bytes| {
        let result = start(&event, opens).map(|calls| {
            count.calls.fetch_add(calls, Relaxed);
            count.last_ns.fetch_max(now_ns(), Relaxed);
            Bytes::from_static(b"null")
        });
        Box::pin(std::future::ready(result.map_err(|error| Failure::new("Bench", format!("{error:#}")))))
    });
    let function = |name: &str| Function { concurrency: WORKERS, ..Function::new(name, Runs::Stub(Arc::clone(&stub))) };
    let host = Host::start(HostOptions {
        functions: vec![function(FUNCTION)],
        // For the floor and the peers, whose payloads are not parcels.
        any: Some(Function::idle("any")),
        queues: vec![SQS_QUEUE.to_owned()],
        faults: Faults { latency_ms, ..Faults::default() },
        ..HostOptions::default()
    })?;
    say(&json!({ "url": host.url() }));
    answer(|question| match *question {
        ["reset"] => {
            host.reset();
            started.calls.store(0, Relaxed);
            started.last_ns.store(0, Relaxed);
            Ok(json!({}))
        }
        ["calls", calls] => wait(&host, &started, calls.parse()?),
        _ => bail!("no such question: {question:?}"),
    })
}

/// Starts the calls of an invocation, and returns how many.
fn start(event: &[u8], opens: bool) -> Result<u64> {
    let payload = Payload::decode(std::str::from_utf8(event)?)?;
    let mut calls = 0;
    for delivery in payload.deliveries {
        calls += if opens {
            u64::from(Parcel::open(&delivery.body)?.header.count)
        } else {
            u64::from(Header::peek(&delivery.body)?.count)
        };
    }
    Ok(calls)
}

fn wait(host: &Host, started: &Started, calls: u64) -> Result<Value> {
    let until_ns = now_ns() + PATIENCE.as_nanos() as u64;
    while started.calls.load(Relaxed) < calls {
        if now_ns() > until_ns {
            bail!("{} of {calls} calls have started: {:?}", started.calls.load(Relaxed), host.stats());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut stats = serde_json::to_value(host.stats()).context("numbers are JSON")?;
    stats["calls"] = started.calls.load(Relaxed).into();
    stats["last_call_ns"] = started.last_ns.load(Relaxed).into();
    Ok(stats)
}
