//! A worker on the embedded backend, under a clock that moves when a test says so.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of this")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::{
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use celeriac_core::{
    Lane,
    id::{BatchId, ParcelId, TaskId},
    parcel::{Packer, Packing},
    ports::{
        Clock, DeadLetter, DeadQuery, Delivery, Entropy, Failure, Invocation, NewBatch, Outgoing, Ports, Receive, Row,
    },
    task::{Body, Context, Ended, Job, Options, Registry, States, TaskDef},
    wire::{Header, encode_args},
};
use celeriac_embedded::open_with;
use celeriac_worker::{Worker, WorkerOptions};
use futures::future::{BoxFuture, join};
use tokio::sync::oneshot;

pub const QUEUE: &str = "default";
const START_MS: u64 = 1_700_000_000_000;

/// A clock that stands still until it is moved.
#[derive(Default)]
pub struct ManualClock {
    now_us: AtomicU64,
    sleepers: Mutex<Vec<(u64, oneshot::Sender<()>)>>,
}

impl ManualClock {
    pub fn advance(&self, by: Duration) {
        let now_us = self.now_us.fetch_add(by.as_micros() as u64, Ordering::SeqCst) + by.as_micros() as u64;
        let mut sleepers = self.sleepers.lock().unwrap();
        let (due, rest) = sleepers.drain(..).partition(|(at_us, _)| *at_us <= now_us);
        *sleepers = rest;
        let due: Vec<_> = due;
        for (_, wake) in due {
            let _ = wake.send(());
        }
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        START_MS + self.now_us.load(Ordering::SeqCst) / 1000
    }

    fn monotonic_us(&self) -> u64 {
        self.now_us.load(Ordering::SeqCst)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let (wake, woken) = oneshot::channel();
        let mut sleepers = self.sleepers.lock().unwrap();
        let at_us = self.now_us.load(Ordering::SeqCst).saturating_add(duration.as_micros() as u64);
        sleepers.push((at_us, wake));
        Box::pin(async {
            drop(woken.await);
        })
    }
}

/// Random bits that are the same in every run.
pub struct Seeded(pub AtomicU64);

impl Entropy for Seeded {
    fn next_u64(&self) -> u64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

pub type AsyncBody = fn(&[u8], Context) -> Result<BoxFuture<'static, Ended>, String>;
pub type BlockingBody = fn(&[u8], Context) -> Result<Job, String>;

pub fn def(name: &'static str, options: Options, body: Body) -> &'static TaskDef {
    Box::leak(Box::new(TaskDef::untyped(name, options, body)))
}

pub fn options() -> WorkerOptions {
    WorkerOptions { name: "tester".into(), threads: 2, ..WorkerOptions::default() }
}

/// A file, a clock, and tasks.
pub struct Bench {
    pub ports: Ports,
    pub clock: Arc<ManualClock>,
    pub registry: Arc<Registry>,
    pub states: States,
    pub batch: BatchId,
    directory: tempfile::TempDir,
}

/// Prints panics of tasks in one line. A backtrace takes as long as a test lets pass in hours of virtual time: with
/// `RUST_BACKTRACE` calls would time out while theirs is written.
fn print_panics_of_tasks_in_one_line() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name().is_some_and(|name| name.starts_with("celeriac-")) {
                eprintln!("{info}");
            } else {
                before(info);
            }
        }));
    });
}

impl Bench {
    pub fn new(defs: impl IntoIterator<Item = &'static TaskDef>) -> Self {
        print_panics_of_tasks_in_one_line();
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(Seeded(AtomicU64::new(7)));
        let options =
            celeriac_embedded::Options::default().clock(Arc::clone(&clock) as Arc<dyn Clock>).entropy(entropy);
        let ports = open_with(&directory.path().join("test.db"), options).unwrap();
        let registry = Arc::new(Registry::new(defs).unwrap());
        let batch = BatchId::new(START_MS, 1);
        Self { ports, clock, registry, states: States::default(), batch, directory }
    }

    pub fn with<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        self.states.insert(state);
        self
    }

    /// Tasks can ask for the clock.
    pub fn with_clock(self) -> Self {
        let clock = Arc::clone(&self.clock);
        self.with(clock)
    }

    pub fn worker(&self) -> Arc<Worker> {
        self.worker_with(options())
    }

    pub fn worker_with(&self, options: WorkerOptions) -> Arc<Worker> {
        Worker::new(Arc::clone(&self.registry), self.ports.clone(), self.states.clone(), options)
    }

    /// Sends a parcel whose calls have their index as argument.
    pub async fn send(&self, task: &str, calls: u32) -> ParcelId {
        self.send_with(task, calls, |_| {}).await
    }

    pub async fn send_with(&self, task: &str, calls: u32, change: impl FnOnce(&mut Header)) -> ParcelId {
        let mut header = Header {
            counted: true,
            created_ms: self.ports.clock.now_ms(),
            not_after_ms: self.ports.clock.now_ms() + 14 * 86_400_000,
            ..Header::new(ParcelId::root(self.batch, 0), self.batch, 0, task, QUEUE)
        };
        change(&mut header);
        let new = NewBatch {
            id: header.batch,
            name: "test".into(),
            task: task.into(),
            created_ms: header.created_ms,
            callback: None,
        };
        self.ports.batches.open(new).await.unwrap();
        self.ports.batches.accepted(header.batch, 0, u64::from(calls)).await.unwrap();
        let mut packer = Packer::new(Packing { calls: 4096, bytes: 256 << 10, call_bytes: 256 << 10 });
        for n in 0..calls {
            let mut args = Vec::new();
            encode_args(&n, &mut args).unwrap();
            packer.push(&args);
        }
        let (id, due_ms) = (header.id, header.due_ms);
        self.send_bytes(packer.encode(header), due_ms).await;
        id
    }

    pub async fn send_bytes(&self, body: Bytes, due_ms: u64) {
        let sent = self.ports.queue.send(vec![Outgoing::of(QUEUE, body, due_ms)]).await;
        assert!(sent[0].is_ok(), "{sent:?}");
    }

    pub async fn receive(&self) -> Vec<Delivery> {
        let request = Receive { queues: vec![QUEUE.into()], lanes: Lane::ALL, max: 100, hide_ms: 30_000, wait_ms: 0 };
        self.ports.queue.receive(request).await.unwrap()
    }

    /// Receives what is due and runs it.
    pub async fn run(&self, worker: &Worker) -> usize {
        let deliveries = self.receive().await;
        let count = deliveries.len();
        worker.run(Invocation::of(deliveries), None).await;
        count
    }

    /// Runs until the queue is empty, and moves the clock to when the next message is due. Returns the times of the
    /// runs.
    pub async fn run_all(&self, worker: &Worker) -> Vec<Duration> {
        self.run_every(Duration::from_millis(100), worker).await
    }

    pub async fn run_every(&self, step: Duration, worker: &Worker) -> Vec<Duration> {
        let mut moments = Vec::new();
        for _ in 0..100_000 {
            if self.run(worker).await > 0 {
                moments.push(Duration::from_micros(self.clock.monotonic_us()));
            } else if self.is_empty().await {
                return moments;
            } else {
                self.clock.advance(step);
            }
        }
        panic!("the queue does not become empty")
    }

    /// Lets virtual time pass, in steps of 100 ms, until the future ends. Real time only lets the other threads work.
    /// Requests that the file has received by then are answered before a step is over, so a request takes one or two
    /// steps on any machine. This clock does not show when another thread begins a call: a test that needs a running
    /// call waits for it while time stands still.
    pub async fn while_time_passes<T>(&self, future: impl Future<Output = T>) -> T {
        self.while_time_passes_by(Duration::from_millis(100), future).await
    }

    /// The same in other steps: small ones if the worker has to do something before a lease ends.
    pub async fn while_time_passes_by<T>(&self, step: Duration, future: impl Future<Output = T>) -> T {
        let mut future = Box::pin(future);
        loop {
            tokio::select! {
                biased;
                value = &mut future => return value,
                () = self.pass(step) => {}
            }
        }
    }

    /// One step of time.
    pub async fn pass(&self, step: Duration) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        // One thread writes to the file and another one reads. Each answers in the order of its requests.
        let _ = join(self.ports.queue.settle(Vec::new()), self.ports.queue.depths()).await;
        self.clock.advance(step);
    }

    /// Receives what is due and runs it while time passes.
    pub async fn run_in_time(&self, worker: &Worker) -> usize {
        self.while_time_passes(self.run(worker)).await
    }

    pub async fn is_empty(&self) -> bool {
        let depths = self.ports.queue.depths().await.unwrap();
        depths.iter().all(|depth| depth.ready + depth.delayed + depth.in_flight == 0)
    }

    pub fn call(&self, index: u64) -> TaskId {
        self.batch.call(index)
    }

    pub async fn row(&self, parcel: ParcelId) -> Option<Row> {
        self.ports.ledger.rows(vec![parcel]).await.unwrap().pop().flatten()
    }

    pub async fn dead(&self) -> Vec<DeadLetter> {
        self.ports.dead_letters.list(DeadQuery::new(10_000)).await.unwrap()
    }

    pub async fn history(&self, index: u64) -> Vec<Failure> {
        self.ports.ledger.history(self.call(index)).await.unwrap()
    }

    pub async fn tally(&self) -> celeriac_core::ports::Tally {
        self.ports.batches.get(self.batch).await.unwrap().unwrap().tally
    }
}
