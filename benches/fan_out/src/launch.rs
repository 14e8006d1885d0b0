//! Measures the launcher alone, with deliveries already in memory, one call each.

use std::sync::Arc;

use anyhow::{Result, ensure};
use celeriac::Registry;
use celeriac_core::{
    id::{BatchId, ParcelId},
    parcel::{Packer, Packing},
    ports::{Delivery, Receipt},
    wire::{Header, encode_args},
};
use celeriac_dispatcher::{Dispatcher, DispatcherOptions};
use measure::{Watch, payload, peak_mb};
use serde_json::json;

use crate::{
    child::say,
    load::{QUEUE, backend},
};

/// Launches this many invocations, with as many in flight as a dispatcher has. One more comes first, to warm up the
/// client.
pub(crate) fn run(url: &str, calls: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let backend = backend(url)?;
    let functions = backend.functions(&Registry::linked()?);
    let dispatcher = Dispatcher::new(backend.ports(), Arc::new(functions), DispatcherOptions::new([QUEUE]));
    let deliveries = (0..calls as u64).map(lone_delivery).collect::<Result<Vec<_>>>()?;
    runtime.block_on(async {
        dispatcher.dispatch(vec![lone_delivery(0)?], 1).await;
        let watch = Watch::start();
        let launched = dispatcher.dispatch(deliveries, calls).await;
        ensure!(launched.accepted == calls, "{launched:?}");
        say(&json!({ "seconds": watch.seconds(), "cpu": watch.cpu_seconds(), "peak_mb": peak_mb() }));
        Ok(())
    })
}

/// A message with one call of [`lone`](crate::load::lone).
pub(crate) fn lone_delivery(n: u64) -> Result<Delivery> {
    let batch = BatchId::new(1, 1);
    let mut packer = Packer::new(Packing { calls: 1, bytes: 1 << 16, call_bytes: 1 << 16 });
    let mut args = Vec::new();
    encode_args(&(payload(n, 100),), &mut args)?;
    packer.push(&args);
    let body = packer.encode(Header {
        counted: true,
        created_ms: 1,
        not_after_ms: u64::MAX,
        ..Header::new(ParcelId::root(batch, n), batch, n, "lone", QUEUE)
    });
    Ok(Delivery { queue: QUEUE.into(), body, receipt: Receipt(n.to_string().into()), receives: 1, sent_ms: 1 })
}
