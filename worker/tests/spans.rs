//! A task's log lines say which call they belong to, and failed calls are logged.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::{
    io,
    sync::{Arc, Mutex},
};

use celeriac_core::task::{Body, Options, Stop};
use common::{Bench, def};
use futures::FutureExt as _;

/// The lines that were logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self, text: &str) -> Vec<String> {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_lines_of_a_task_name_their_call() {
    let log = Log::default();
    let writer = log.clone();
    let level = tracing_subscriber::filter::LevelFilter::WARN;
    tracing_subscriber::fmt().with_ansi(false).with_max_level(level).with_writer(move || writer.clone()).init();
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
