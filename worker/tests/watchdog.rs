//! An async call that blocks its thread for a while. It is reported while it does, its neighbours go on without it, and
//! if it ends in time its result counts.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;
#[path = "common/log.rs"]
mod log;

use std::{
    sync::{Mutex, mpsc},
    time::Duration,
};

use celeriac_core::{
    task::{Body, Options},
    wire::decode_args,
};
use celeriac_worker::WorkerOptions;
use common::{Bench, def, options};
use futures::{FutureExt as _, future::join};
use log::Log;

/// A gate that opens when its sender sends or is dropped.
struct Gate(Mutex<mpsc::Receiver<()>>);

#[tokio::test]
async fn a_blocked_thread_is_reported_and_holds_up_no_other() {
    let log = Log::record();
    let body = Body::Async(|args, cx| {
        let gate = (decode_args::<u32>(args).unwrap() == 5).then(|| cx.state::<Gate>());
        let body = async move {
            if let Some(gate) = gate {
                let _ = gate.0.0.lock().unwrap().recv();
            }
            Ok(None)
        };
        Ok(body.boxed())
    });
    let (open, gate) = mpsc::channel();
    let task = Options::new().timeout("10m");
    let bench = Bench::new([def("hog", task, body)]).with(Gate(Mutex::new(gate)));
    let parcel = bench.send("hog", 10).await;
    let worker = bench.worker_with(WorkerOptions { stall: Duration::from_millis(100), ..options() });
    let opened = async {
        while bench.row(parcel).await.is_none_or(|row| row.done.len() < 9)
            || log.lines("an async call blocks its thread").is_empty()
        {
            tokio::task::yield_now().await;
        }
        drop(open);
    };
    let step = Duration::from_millis(20);
    bench.while_time_passes_by(step, join(bench.run(&worker), opened)).await;
    let line = log.lines("an async call blocks its thread").remove(0);
    let id = format!("id={}", bench.call(5));
    for part in ["WARN", "task=\"hog\"", &id, "attempt=1", "polling_ms=", "thread=celeriac-"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert_eq!((bench.tally().await.succeeded, worker.blocked_threads()), (10, 0));
    assert!(bench.history(5).await.is_empty());
}
