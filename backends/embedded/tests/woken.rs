//! Tests that a receive that waits is woken by other processes, and does not look at the file again and again.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use celeriac_core::Lane;
use celeriac_core::ports::{Clock, Delivery, Outgoing, Ports, Receive, SystemClock};
use celeriac_embedded::{Options, open, open_with};
use futures::future::BoxFuture;
use tempfile::tempdir;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

const FILE: &str = "CELERIAC_TEST_FILE";

/// A test that takes longer has failed.
const LONG: Duration = Duration::from_mins(1);

/// How long a receive sleeps where other processes are noticed, at least, and where they are not, at most.
const WATCHED: Duration = Duration::from_millis(100);
const UNWATCHED: Duration = Duration::from_millis(10);

/// The machine's clock, except that its sleeps never end. A receive that sleeps ends only if it is woken.
struct Asleep {
    clock: SystemClock,
    sleeps: mpsc::UnboundedSender<Duration>,
}

impl Clock for Asleep {
    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn monotonic_us(&self) -> u64 {
        self.clock.monotonic_us()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let _ = self.sleeps.send(duration);
        Box::pin(std::future::pending())
    }
}

/// A receive of another store on the file, and how long it wants to sleep each time.
fn receive(path: &Path) -> (JoinHandle<Vec<Delivery>>, mpsc::UnboundedReceiver<Duration>) {
    let (sleeps, slept) = mpsc::unbounded_channel();
    let clock = Arc::new(Asleep { clock: SystemClock::new(), sleeps });
    let ports = open_with(path, Options::default().clock(clock)).unwrap();
    let request =
        Receive { queues: vec!["mail".into()], lanes: Lane::ALL, max: 10, hide_ms: 60_000, wait_ms: 3_600_000 };
    (tokio::spawn(async move { ports.queue.receive(request).await.unwrap() }), slept)
}

/// Waits until the receive sleeps for such a time.
async fn until_it_sleeps(slept: &mut mpsc::UnboundedReceiver<Duration>, is_so: impl Fn(Duration) -> bool) {
    let sleeps = async { while !is_so(slept.recv().await.unwrap()) {} };
    timeout(LONG, sleeps).await.expect("it never slept for such a time");
}

fn long(sleep: Duration) -> bool {
    sleep >= WATCHED
}

async fn send(ports: &Ports, due_ms: u64) {
    let message = Outgoing::of("mail", Bytes::from_static(b"hello"), due_ms);
    ports.queue.send(vec![message]).await.remove(0).unwrap();
}

async fn received(receive: JoinHandle<Vec<Delivery>>) {
    let deliveries = timeout(LONG, receive).await.expect("it was not woken").unwrap();
    assert_eq!(deliveries.len(), 1);
}

#[tokio::test]
async fn a_receive_that_sleeps_is_woken_by_another_process() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("queue.db");
    let (receive, mut slept) = receive(&path);
    until_it_sleeps(&mut slept, long).await;
    let sender = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sends_a_message", "--ignored"])
        .env(FILE, &path)
        .stdout(Stdio::null())
        .status();
    assert!(sender.unwrap().success());
    received(receive).await;
}

#[tokio::test]
#[ignore = "run as a separate process by a_receive_that_sleeps_is_woken_by_another_process"]
async fn sends_a_message() {
    send(&open(Path::new(&std::env::var(FILE).unwrap())).unwrap(), 0).await;
}

#[tokio::test]
async fn a_receive_that_sleeps_learns_of_a_message_that_is_due_soon() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("queue.db");
    let (receive, mut slept) = receive(&path);
    until_it_sleeps(&mut slept, long).await;
    let other = open(&path).unwrap();
    send(&other, SystemClock::new().now_ms() + 500).await;
    let sleep = timeout(LONG, slept.recv()).await.expect("it was not woken").unwrap();
    assert!(sleep <= Duration::from_millis(500), "it sleeps for {sleep:?}");
    receive.abort();
}

#[tokio::test]
async fn a_bell_that_was_removed_is_watched_again() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("queue.db");
    let (receive, mut slept) = receive(&path);
    until_it_sleeps(&mut slept, long).await;
    fs::remove_file(directory.path().join("queue.db-locks/bell")).unwrap();
    // It looks often for as long as it is not told.
    until_it_sleeps(&mut slept, |sleep| sleep <= UNWATCHED).await;
    until_it_sleeps(&mut slept, long).await;
    send(&open(&path).unwrap(), 0).await;
    received(receive).await;
}

/// A clock that stands, and whose sleeps never end.
#[derive(Default)]
struct Standing {
    ms: AtomicU64,
    slept: Mutex<Option<oneshot::Sender<Duration>>>,
}

impl Clock for Standing {
    fn now_ms(&self) -> u64 {
        1_700_000_000_000 + self.ms.load(Ordering::Relaxed)
    }

    fn monotonic_us(&self) -> u64 {
        1000 * self.now_ms()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.slept.lock().unwrap().take().map(|slept| slept.send(duration));
        Box::pin(std::future::pending())
    }
}

/// Otherwise it would rely on what it knows for nearly as long again, when another receive has swept.
#[tokio::test]
async fn a_receive_that_is_repeated_looks_again_a_second_after_its_last_look() {
    let directory = tempdir().unwrap();
    let clock = Arc::new(Standing::default());
    let options = Options::default().clock(clock.clone());
    let ports = open_with(&directory.path().join("queue.db"), options).unwrap();
    let sleep = async |at_ms: u64, queue: &str| {
        clock.ms.store(at_ms, Ordering::Relaxed);
        let (sender, slept) = oneshot::channel();
        *clock.slept.lock().unwrap() = Some(sender);
        let request =
            Receive { queues: vec![queue.into()], lanes: Lane::ALL, max: 10, hide_ms: 60_000, wait_ms: 3_600_000 };
        let queue = Arc::clone(&ports.queue);
        let receive = tokio::spawn(async move { queue.receive(request).await });
        let slept = timeout(LONG, slept).await.expect("it never slept").unwrap();
        receive.abort();
        slept
    };
    timeout(LONG, async { while !long(sleep(0, "other").await) {} }).await.expect("nothing is watched");
    assert_eq!(sleep(20, "mail").await, Duration::from_millis(980), "until it sweeps");
    assert_eq!(sleep(1000, "other").await, Duration::from_secs(1), "it has swept");
    assert_eq!(sleep(1010, "mail").await, Duration::from_millis(10), "until it looks again");
}
