//! Tests a receive in a process that cannot watch the file, since it may not open more files. Alone in its process,
//! whose limit it lowers.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use celeriac_core::Lane;
use celeriac_core::ports::{Outgoing, Receive};
use celeriac_embedded::open;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::tempdir;
use tokio::time::timeout;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

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
async fn a_process_that_cannot_watch_the_file_says_so_once_and_looks_often() {
    let (log, directory) = (Log::default(), tempdir().unwrap());
    let writer = log.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
    let path = directory.path().join("queue.db");
    let (receiver, sender) = (open(&path).unwrap(), open(&path).unwrap());
    let request =
        |wait_ms| Receive { queues: vec!["mail".into()], lanes: Lane::ALL, max: 10, hide_ms: 60_000, wait_ms };
    // What it needs besides the watch is open after this.
    assert!(receiver.queue.receive(request(0)).await.unwrap().is_empty());
    let message = |queue: &str| Outgoing::of(queue, Bytes::from_static(b"hello"), 0);
    sender.queue.send(vec![message("other")]).await.remove(0).unwrap();

    let limit = Rlimit { current: Some(3), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, limit).unwrap();
    let first = receiver.queue.receive(request(30));
    assert!(first.await.unwrap().is_empty());
    let receive = tokio::spawn(async move { receiver.queue.receive(request(60_000)).await });
    sender.queue.send(vec![message("mail")]).await.remove(0).unwrap();
    let deliveries = timeout(Duration::from_mins(1), receive).await.expect("it never looked").unwrap().unwrap();
    assert_eq!(deliveries.len(), 1);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(warnings[0].contains("cannot watch for messages of other processes"), "{log}");
    assert!(
        warnings[0].contains("raise the limit of open files (`ulimit -n`), fs.inotify.max_user_instances"),
        "{log}"
    );
}
