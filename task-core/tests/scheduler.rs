//! Tests the scheduler on a file, under a manual clock.

#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use celeriac_core::{
    Lane,
    id::ParcelId,
    ports::{
        Claim, ClaimRequest, Clock, Delivery, Finish, Outgoing, PortError, Ports, Queue, Receive, Record, Schedules,
        SendError,
        layers::{QueueLayer, SchedulesLayer},
    },
    scheduler::Scheduler,
    task::{Body, Options, Registry, TaskDef},
    wire::Header,
};
use futures::future::BoxFuture;
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// Midnight at the end of 2026-03-09.
const START: u64 = 1_773_100_800_000;

const fn def(name: &'static str, options: Options) -> TaskDef {
    TaskDef::untyped(name, options, Body::Blocking(|_, _| Err("not run here".to_owned())))
}

static NIGHTLY: TaskDef = def("nightly", Options::new().schedule("cron(0 3 * * ? *)"));
static SKIPPING: TaskDef = def("skipping", Options::new().schedule("cron(0 3 * * ? *)").catch_up(false));

/// Time stands still until the test moves it.
struct TestClock(watch::Sender<Timeline>);

#[derive(Default)]
struct Timeline {
    now_ms: u64,
    sleeps: u64,
    asleep: BTreeMap<u64, u64>,
}

impl TestClock {
    fn at(now_ms: u64) -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(Timeline { now_ms, ..Timeline::default() })))
    }

    fn set(&self, now_ms: u64) {
        self.0.send_modify(|time| time.now_ms = now_ms);
    }

    /// Waits until this many sleepers have done all that they have to do at this time.
    async fn idle(&self, sleepers: usize) {
        let idle = |time: &Timeline| time.asleep.values().filter(|until| **until > time.now_ms).count() == sleepers;
        self.0.subscribe().wait_for(idle).await.unwrap();
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.0.borrow().now_ms
    }

    fn monotonic_us(&self) -> u64 {
        self.now_ms() * 1_000
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let time = self.0.clone();
        Box::pin(async move {
            let (mut sleep, mut until) = (0, 0);
            time.send_modify(|time| {
                (sleep, until) = (time.sleeps, time.now_ms + duration.as_millis() as u64);
                time.sleeps += 1;
                time.asleep.insert(sleep, until);
            });
            time.subscribe().wait_for(|time| time.now_ms >= until).await.unwrap();
            time.send_modify(|time| _ = time.asleep.remove(&sleep));
        })
    }
}

/// A file, and processes that share it.
struct Site {
    _dir: TempDir,
    clock: Arc<TestClock>,
    ports: Ports,
    processes: Vec<(CancellationToken, JoinHandle<Result<(), PortError>>)>,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = TestClock::at(START);
        let ports = Ports { clock: clock.clone(), ..celeriac_embedded::open(&dir.path().join("celeriac.db")).unwrap() };
        Self { _dir: dir, clock, ports, processes: Vec::new() }
    }

    async fn start(&mut self, def: &'static TaskDef) {
        let scheduler = Scheduler::new(self.ports.clone(), &Registry::new([def]).unwrap()).unwrap();
        let stop = CancellationToken::new();
        self.processes.push((stop.clone(), tokio::spawn(scheduler.run(stop))));
        self.clock.idle(self.processes.len()).await;
    }

    async fn stop(&mut self) {
        for (stop, process) in self.processes.drain(..) {
            stop.cancel();
            process.await.unwrap().unwrap();
        }
        self.clock.0.send_modify(|time| time.asleep.clear());
    }

    /// Moves time a minute at a time, as a process would see it pass.
    async fn pass(&self, until_ms: u64) {
        while self.clock.now_ms() < until_ms {
            self.clock.set((self.clock.now_ms() + MINUTE).min(until_ms));
            self.clock.idle(self.processes.len()).await;
        }
    }

    /// The messages that were sent since the last call.
    async fn sent(&self) -> Vec<Delivery> {
        let receive = Receive { queues: vec!["default".into()], lanes: Lane::ALL, max: 100, hide_ms: HOUR, wait_ms: 0 };
        self.ports.queue.receive(receive).await.unwrap()
    }

    /// Their parcels.
    async fn parcels(&self) -> Vec<ParcelId> {
        self.sent().await.iter().map(|delivery| Header::peek(&delivery.body).unwrap().id).collect()
    }
}

#[tokio::test]
async fn a_run_is_sent_when_it_is_due_and_none_for_the_time_before() {
    let mut site = Site::new();
    site.start(&NIGHTLY).await;
    site.pass(START + 3 * HOUR - 1).await;
    assert_eq!(site.sent().await.len(), 0);
    site.pass(START + 3 * HOUR).await;
    let sent = site.sent().await;
    let header = Header::peek(&sent[0].body).unwrap();
    assert_eq!((sent.len(), header.task.as_str(), header.count), (1, "nightly", 1));
    site.pass(START + 26 * HOUR).await;
    assert_eq!(site.sent().await.len(), 0);
    site.stop().await;
}

#[tokio::test]
async fn several_processes_send_one_run() {
    let mut site = Site::new();
    site.start(&NIGHTLY).await;
    site.start(&NIGHTLY).await;
    site.pass(START + 3 * HOUR).await;
    let sent = site.sent().await;
    assert!(!sent.is_empty());
    let mut claims = Vec::new();
    for delivery in &sent {
        let header = Header::peek(&delivery.body).unwrap();
        let now_ms = site.clock.now_ms();
        let request = ClaimRequest::of(&header, "test", now_ms, now_ms + HOUR);
        match site.ports.ledger.claim(vec![request]).await.pop().unwrap().unwrap() {
            Claim::Claimed(claimed) => {
                let finish = Finish { parcel: header.id, epoch: claimed.epoch, record: Some(Record::default()) };
                site.ports.ledger.finish(finish).await.unwrap();
                claims.push("run");
            }
            Claim::Finished { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(claims, ["run"]);
    site.stop().await;
}

#[tokio::test]
async fn after_downtime_the_latest_missed_run_is_sent_once() {
    let mut site = Site::new();
    site.start(&NIGHTLY).await;
    site.stop().await;
    site.clock.set(START + 100 * HOUR);
    site.start(&NIGHTLY).await;
    assert_eq!(site.sent().await.len(), 1);
    site.stop().await;
    site.start(&NIGHTLY).await;
    assert_eq!(site.sent().await.len(), 0);
    site.pass(START + 123 * HOUR).await;
    assert_eq!(site.sent().await.len(), 1);
    site.stop().await;
}

#[test]
fn a_schedule_that_is_over_keeps_no_program_from_starting() {
    static OVER: TaskDef = def("over", Options::new().schedule("cron(0 3 * * ? 2024)"));
    static NEVER: TaskDef = def("never", Options::new().schedule("cron(0 3 30 2 ? *)"));
    let directory = tempfile::tempdir().unwrap();
    let ports = celeriac_embedded::open(&directory.path().join("celeriac.db")).unwrap();
    let scheduler = |defs: &[&'static TaskDef]| {
        Scheduler::new(ports.clone(), &Registry::new(defs.iter().copied()).unwrap()).map(|scheduler| scheduler.len())
    };
    assert_eq!(scheduler(&[&OVER, &NIGHTLY]).unwrap(), 1);
    assert!(scheduler(&[&OVER, &NEVER]).unwrap_err().to_string().ends_with("never due: there is no such date"));
}

#[tokio::test]
async fn without_catch_up_missed_runs_are_skipped() {
    let mut site = Site::new();
    site.start(&SKIPPING).await;
    site.stop().await;
    site.clock.set(START + 100 * HOUR);
    site.start(&SKIPPING).await;
    assert_eq!(site.sent().await.len(), 0);
    site.pass(START + 123 * HOUR).await;
    assert_eq!(site.sent().await.len(), 1);
    site.stop().await;
}

#[tokio::test]
async fn a_restart_at_the_wrong_moment_misses_nothing() {
    let mut site = Site::new();
    site.start(&SKIPPING).await;
    site.stop().await;
    site.clock.set(START + 3 * HOUR + MINUTE / 2);
    site.start(&SKIPPING).await;
    assert_eq!(site.sent().await.len(), 1);
    site.stop().await;
}

/// Fails as long as it is told to.
struct Failing<T> {
    inner: T,
    fails: Arc<AtomicBool>,
}

impl<T> Failing<T> {
    fn check(&self) -> Result<(), PortError> {
        let down = PortError::Unavailable { what: "the store is down".to_owned(), source: None };
        if self.fails.load(Ordering::SeqCst) { Err(down) } else { Ok(()) }
    }
}

impl QueueLayer for Failing<Arc<dyn Queue>> {
    fn inner(&self) -> &dyn Queue {
        &*self.inner
    }

    fn send(&self, messages: Vec<Outgoing>) -> BoxFuture<'_, Vec<Result<(), SendError>>> {
        match self.check() {
            Ok(()) => self.inner.send(messages),
            Err(error) => Box::pin(async move { vec![Err(SendError::from(error)); messages.len()] }),
        }
    }
}

impl SchedulesLayer for Failing<Arc<dyn Schedules>> {
    fn inner(&self) -> &dyn Schedules {
        &*self.inner
    }

    fn sent(&self, schedule: &str, due_ms: u64) -> BoxFuture<'_, Result<(), PortError>> {
        match self.check() {
            Ok(()) => self.inner.sent(schedule, due_ms),
            Err(error) => Box::pin(async move { Err(error) }),
        }
    }
}

#[tokio::test]
async fn a_queue_that_is_down_delays_a_run() {
    let mut site = Site::new();
    let fails = Arc::new(AtomicBool::new(false));
    site.ports.queue = Arc::new(Failing { inner: site.ports.queue.clone(), fails: Arc::clone(&fails) });
    site.start(&NIGHTLY).await;
    fails.store(true, Ordering::SeqCst);
    site.pass(START + 3 * HOUR).await;
    fails.store(false, Ordering::SeqCst);
    assert_eq!(site.sent().await.len(), 0);
    site.pass(START + 3 * HOUR + MINUTE).await;
    assert_eq!(site.sent().await.len(), 1);
    site.stop().await;
}

#[tokio::test]
async fn a_run_that_was_sent_and_not_remembered_is_sent_again_as_the_same() {
    let mut site = Site::new();
    let fails = Arc::new(AtomicBool::new(false));
    site.ports.schedules = Arc::new(Failing { inner: site.ports.schedules.clone(), fails: Arc::clone(&fails) });
    site.start(&NIGHTLY).await;
    fails.store(true, Ordering::SeqCst);
    site.pass(START + 3 * HOUR).await;
    fails.store(false, Ordering::SeqCst);
    site.pass(START + 3 * HOUR + MINUTE).await;
    let parcels = site.parcels().await;
    assert!(parcels.len() > 1);
    assert_eq!(parcels.iter().collect::<BTreeSet<_>>().len(), 1);
    site.stop().await;
}
