//! A task's log lines say which call they belong to, and failed calls are logged.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;
#[path = "common/log.rs"]
mod log;

use celeriac_core::task::{Body, Options, Stop};
use common::{Bench, def};
use futures::FutureExt as _;
use log::Log;

#[tokio::test]
async fn the_log_lines_of_a_task_name_their_call() {
    let log = Log::record();
    let quick = Body::Async(|_, _| {
        Ok(async {
            tracing::warn!("looks around");
            Ok(None)
        }
        .boxed())
    });
    let slow = Body::Async(|_, _| {
        Ok(async {
            tokio::task::yield_now().await;
            tracing::warn!("takes its time");
            Ok(None)
        }
        .boxed())
    });
    let blocking = Body::Blocking(|_, _| {
        Ok(Box::new(|| {
            tracing::warn!("blocks");
            Ok(None)
        }))
    });
    for (task, body, said) in
        [("quick", quick, "looks around"), ("slow", slow, "takes its time"), ("plain", blocking, "blocks")]
    {
        let bench = Bench::new([def(task, Options::new(), body)]);
        bench.send(task, 3).await;
        bench.run(&bench.worker()).await;
        let lines = log.lines(said);
        for n in 0..3 {
            let span = format!("call{{task=\"{task}\" id={} attempt=1}}: spans: {said}", bench.call(n));
            assert!(lines.iter().any(|line| line.ends_with(&span)), "{span} in {lines:#?}");
        }
    }

    let failing = Body::Async(|_, _| Ok(async { Err(Stop::Retry("no answer".into())) }.boxed()));
    let bench = Bench::new([def("fails", Options::new().retries(0), failing)]);
    bench.send("fails", 1).await;
    bench.run(&bench.worker()).await;
    let line = log.lines("no answer").remove(0);
    // The target is the module's path, which begins with the crate's name that `RUST_LOG` uses.
    let id = format!("id={}", bench.call(0));
    for part in ["WARN", " celeriac_worker::", "task=\"fails\"", &id, "attempt=1", "kind=\"error\""] {
        assert!(line.contains(part), "{part} in {line}");
    }
}
