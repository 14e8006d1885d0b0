//! A stack with its own table, and helpers for common steps.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use aws_tests::{Asked, Fault, LocalAws, Ministack, Proxy, config, create_stack};
use celeriac_aws::{Backend, Options, Settings};
pub(crate) use celeriac_conformance::LEASE_MS;
use celeriac_conformance::{ManualClock, claim_request};
use celeriac_core::{
    bitmap::Bitmap,
    id::BatchId,
    ports::{
        Claim, ClaimRequest, Claimed, Clock, DeadLetter, Finish, NewBatch, Outgoing, PortError, Ports, Reason, Record,
        Tally,
    },
};

pub(crate) static AWS: LazyLock<LocalAws> = LazyLock::new(LocalAws::start);

/// A stack whose requests go through a proxy.
pub(crate) struct Table {
    pub(crate) ports: Ports,
    pub(crate) backend: Backend,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) proxy: Proxy,
}

/// A stack without a bucket, and without faults of its requests.
pub(crate) async fn table() -> Table {
    with_faults(|_| Fault::None).await
}

/// A stack without a bucket.
pub(crate) async fn with_faults(rule: impl Fn(&Asked) -> Fault + Send + Sync + 'static) -> Table {
    open(&settings().await, rule)
}

/// The settings of a stack that exists.
pub(crate) async fn settings() -> Settings {
    static STACKS: AtomicUsize = AtomicUsize::new(0);
    let name = format!("stack-{}", STACKS.fetch_add(1, Ordering::Relaxed));
    create_stack(&config(AWS.endpoint()).await, &name, &[]).await;
    let region = Some(Ministack::REGION.to_owned());
    Settings { region, ..Settings::new(name.parse().expect("a stack's name")) }
}

/// The same settings with the stack's bucket.
pub(crate) fn with_bucket(settings: Settings) -> Settings {
    Settings { bucket: Some(settings.stack.to_string()), ..settings }
}

/// A stack as another process opens it.
pub(crate) fn open(settings: &Settings, rule: impl Fn(&Asked) -> Fault + Send + Sync + 'static) -> Table {
    let proxy = Proxy::start(AWS.endpoint(), rule);
    let settings = Settings { endpoint: Some(proxy.endpoint().to_owned()), ..settings.clone() };
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let options = Options::default().clock(clock.clone());
    let backend = Backend::new(settings, options).expect("a backend");
    Table { ports: backend.ports(), backend, clock, proxy }
}

impl Table {
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Opens a batch of this many calls and accepts them all.
    pub(crate) async fn batch(&self, accepted: u64, callback: Option<Outgoing>) -> BatchId {
        let id = BatchId::new(self.now_ms(), 1);
        let (name, task) = ("spring".to_owned(), "mail.send".to_owned());
        let batch = NewBatch { id, name, task, created_ms: self.now_ms(), callback };
        self.ports.batches.open(batch).await.expect("open");
        self.ports.batches.accepted(id, 0, accepted).await.expect("accepted");
        id
    }

    pub(crate) async fn tally(&self, batch: BatchId) -> Tally {
        self.ports.batches.get(batch).await.expect("get").expect("the batch is open").tally
    }

    /// A request to claim the root parcel of `count` calls from `first` on.
    pub(crate) fn request(&self, batch: BatchId, first: u64, count: u32) -> ClaimRequest {
        claim_request(batch, first, count, self.now_ms())
    }

    pub(crate) async fn claim(&self, request: ClaimRequest) -> Result<Claim, PortError> {
        self.ports.ledger.claim(vec![request]).await.remove(0)
    }

    /// Claims a parcel, which must be free.
    pub(crate) async fn claimed(&self, request: ClaimRequest) -> Claimed {
        match self.claim(request).await {
            Ok(Claim::Claimed(claimed)) => claimed,
            other => panic!("not claimed: {other:?}"),
        }
    }

    /// Claims a parcel and finishes it with this record.
    pub(crate) async fn run(&self, request: ClaimRequest, record: Record) -> Result<(), PortError> {
        let parcel = request.parcel;
        let epoch = self.claimed(request).await.epoch;
        self.ports.ledger.finish(Finish { parcel, epoch, record: Some(record) }).await.map(drop)
    }
}

/// The verdicts of a parcel whose `count` calls succeeded.
pub(crate) fn succeeded(count: u32) -> Record {
    let tally = Tally { succeeded: u64::from(count), ..Tally::default() };
    Record { done: Bitmap::full(count), tally, ..Record::default() }
}

/// The verdicts of a parcel whose calls, with the indexes from 0 to `count`, failed for the last time.
pub(crate) fn failed(batch: BatchId, count: u32, died_ms: u64, args_bytes: usize) -> Record {
    let letter = |index: u32| DeadLetter {
        id: batch.call(u64::from(index)),
        counted: true,
        task: "mail.send".to_owned(),
        queue: "mail".to_owned(),
        args: noise(args_bytes, u64::from(index)).into(),
        reason: Reason::Failed,
        message: format!("refused {index}"),
        attempts: 5,
        died_ms,
    };
    let tally = Tally { failed: u64::from(count), ..Tally::default() };
    Record {
        done: Bitmap::full(count),
        tally,
        dead: (0..count).map(|index| (index, letter(index))).collect(),
        ..Record::default()
    }
}

/// Bytes that do not compress, the same for one seed.
pub(crate) fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2) + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

/// How many requests of this kind were answered.
pub(crate) fn requests(table: &Table, service: &str, operation: &str) -> u64 {
    let usage = table.backend.meter().usage();
    let of_it = usage.iter().filter(|((of, name), _)| of == service && name == operation);
    of_it.map(|(_, usage)| usage.requests).sum()
}
