//! A handler of stack `shop` on a file, under a manual clock.

use std::{
    collections::{BTreeMap, HashMap},
    env,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64_simd::STANDARD;
use bytes::Bytes;
use celeriac_aws::{Attempt, Backend, Health, Minutes, Platform, Settings};
use celeriac_core::{
    Lane,
    id::{BatchId, ParcelId},
    parcel::{Packer, Packing},
    ports::{
        Claim, ClaimRequest, Clock, DeadLetter, DeadQuery, Delivery, Invocation, InvokeError, Invoker, Launcher,
        NewBatch, Outgoing, PortError, Ports, Receive,
    },
    wire::{self, Header, WireError},
};
use celeriac_dispatcher::DispatcherOptions;
use celeriac_embedded::open_with;
use celeriac_lambda::{Function as _, HandlerError, Request, dispatcher::Handler};
use futures::{FutureExt as _, future::BoxFuture};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// How long the parcels may be run.
pub(crate) const KEPT: Duration = Duration::from_hours(14 * 24);

/// A clock that stands still until a test or a sleep moves it.
#[derive(Clone, Default)]
pub(crate) struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_micros() as u64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        START_MS + self.monotonic_us() / 1000
    }

    fn monotonic_us(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        async move { clock.advance(duration) }.boxed()
    }
}

/// Launches nothing, and records what it was asked to launch.
#[derive(Default)]
pub(crate) struct Launches {
    pub(crate) invocations: Mutex<Vec<Invocation>>,
    pub(crate) released: Mutex<Vec<(u64, u8)>>,
    /// How many may be launched; `usize::MAX` stands for a table that does not answer.
    pub(crate) rooms: AtomicUsize,
    /// How often there is no capacity before that.
    pub(crate) refusals: AtomicUsize,
    /// How often it was asked.
    pub(crate) asked: AtomicUsize,
    pub(crate) given_back: AtomicUsize,
    pub(crate) throttled: Mutex<bool>,
}

impl Invoker for Launches {
    fn room(&self, _: Lane) -> BoxFuture<'_, usize> {
        unimplemented!("a function does not wait for room")
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        if *self.throttled.lock().unwrap() {
            return std::future::ready(Err(InvokeError::Throttled)).boxed();
        }
        self.invocations.lock().unwrap().push(invocation);
        std::future::ready(Ok(())).boxed()
    }
}

impl Launcher for Launches {
    fn reserve(&self, most: usize) -> BoxFuture<'_, Result<usize, PortError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let refuses =
            self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let rooms = if refuses { 0 } else { self.rooms.load(Ordering::SeqCst) };
        let down = || PortError::Unavailable { what: "the table is throttled".to_owned(), source: None };
        std::future::ready(if rooms == usize::MAX { Err(down()) } else { Ok(rooms.min(most)) }).boxed()
    }

    fn give_back(&self) -> BoxFuture<'_, ()> {
        self.given_back.fetch_add(1, Ordering::SeqCst);
        std::future::ready(()).boxed()
    }

    fn release(&self, minute: u64, shard: u8) -> BoxFuture<'_, ()> {
        self.released.lock().unwrap().push((minute, shard));
        std::future::ready(()).boxed()
    }
}

/// The items of the table about functions and parcels, in memory.
#[derive(Default)]
pub(crate) struct Items {
    pub(crate) failures: Mutex<Vec<(String, Attempt)>>,
    /// How often each parcel was sent again.
    pub(crate) resent: Mutex<HashMap<ParcelId, u32>>,
}

impl Platform for Items {
    fn invoke<'a>(&'a self, _: &'a str, _: Vec<u8>) -> BoxFuture<'a, Result<(), InvokeError>> {
        unimplemented!("`Launches` launches")
    }

    fn count<'a>(&'a self, _: u8, _: &'a Minutes, _: &'a [u64]) -> BoxFuture<'a, Result<Minutes, PortError>> {
        unimplemented!("`Launches` counts")
    }

    fn look(&self, _: u8) -> BoxFuture<'_, Result<BTreeMap<u8, Minutes>, PortError>> {
        unimplemented!("`Launches` counts")
    }

    fn health<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Health, PortError>> {
        unimplemented!("`Launches` launches")
    }

    fn failed<'a>(&'a self, function: &'a str, _: u64, by: Attempt) -> BoxFuture<'a, Result<Health, PortError>> {
        self.failures.lock().unwrap().push((function.to_owned(), by));
        std::future::ready(Ok(Health::default())).boxed()
    }

    fn take_probe<'a>(&'a self, _: &'a str, _: u64, _: u64) -> BoxFuture<'a, Result<bool, PortError>> {
        unimplemented!("`Launches` launches")
    }

    fn mended<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        unimplemented!("a dispatcher claims nothing")
    }

    fn resent(&self, parcel: ParcelId, _: u64) -> BoxFuture<'_, Result<u32, PortError>> {
        let mut resent = self.resent.lock().unwrap();
        let times = resent.entry(parcel).or_default();
        *times += 1;
        std::future::ready(Ok(*times)).boxed()
    }
}

pub(crate) struct Site {
    pub(crate) items: Arc<Items>,
    pub(crate) ports: Ports,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) launches: Arc<Launches>,
    handler: Handler,
    _directory: tempfile::TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::of(Settings::new("shop".parse().unwrap()))
    }

    /// With an empty bucket `shop-parcels`.
    pub(crate) async fn with_empty_bucket() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Some(format!("http://{}", listener.local_addr().unwrap()));
        tokio::spawn(answer_no_such_key(listener));
        let (region, bucket) = (Some("eu-central-1".to_owned()), Some("shop-parcels".to_owned()));
        Self::of(Settings { region, bucket, endpoint, ..Settings::new("shop".parse().unwrap()) })
    }

    fn of(settings: Settings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let options = celeriac_embedded::Options::default().clock(Arc::clone(&clock) as Arc<dyn Clock>);
        // One by one, as a stack has them.
        let ports = Ports { atomic: None, ..open_with(&directory.path().join("test.db"), options).unwrap() };
        let items = Arc::<Items>::default();
        let platform = Arc::clone(&items) as Arc<dyn Platform>;
        let options = celeriac_aws::Options::default().clock(Arc::clone(&clock) as Arc<dyn Clock>).platform(platform);
        let backend = Backend::new(settings, options).unwrap();
        let launches = Arc::new(Launches { rooms: AtomicUsize::new(100), ..Launches::default() });
        let launcher = Arc::clone(&launches) as Arc<dyn Launcher>;
        let handler = Handler::on(ports.clone(), backend, launcher, DispatcherOptions::new(["mail"]));
        Self { items, ports, clock, launches, handler, _directory: directory }
    }

    /// Handles an event, and returns the answer to Lambda.
    pub(crate) async fn handle(&self, event: &Value) -> Result<Value, HandlerError> {
        self.handle_within(Duration::from_mins(1), event).await
    }

    /// The same, in a function with this much time left.
    pub(crate) async fn handle_within(&self, left: Duration, event: &Value) -> Result<Value, HandlerError> {
        let request = Request {
            id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
            function: "shop-dispatcher".to_owned(),
            log_stream: "2026/11/24/[$LATEST]5f1e".to_owned(),
            deadline_ms: self.clock.now_ms() + left.as_millis() as u64,
        };
        let answer = self.handler.handle(&event.to_string(), &request).await?;
        Ok(serde_json::to_value(answer).unwrap())
    }

    /// Sends a parcel of this batch, with calls without arguments.
    pub(crate) async fn send(&self, queue: &str, batch: u128, calls: u32) -> ParcelId {
        let body = self.parcel(batch, calls).await;
        let id = Header::peek(&body).unwrap().id;
        self.send_bytes(queue, body).await;
        id
    }

    /// Opens this batch, and makes its only parcel.
    pub(crate) async fn parcel(&self, batch: u128, calls: u32) -> Bytes {
        let batch = BatchId::new(START_MS, batch);
        let id = ParcelId::root(batch, 0);
        let new = NewBatch {
            id: batch,
            name: "spring".into(),
            task: "mail.send".into(),
            created_ms: START_MS,
            callback: None,
        };
        self.ports.batches.open(new).await.unwrap();
        self.ports.batches.accepted(batch, 0, u64::from(calls)).await.unwrap();
        let mut packer = Packer::new(Packing { calls: 4096, bytes: 1 << 16, call_bytes: 1 << 16 });
        (0..calls).for_each(|_| {
            packer.push(b"\xc0");
        });
        packer.encode(Header {
            counted: true,
            created_ms: START_MS,
            not_after_ms: START_MS + KEPT.as_millis() as u64,
            ..Header::new(id, batch, 0, "mail.send", "mail")
        })
    }

    pub(crate) async fn send_bytes(&self, queue: &str, body: Bytes) {
        let sent = self.ports.queue.send(vec![Outgoing::of(queue, body, 0)]).await;
        assert!(sent[0].is_ok(), "{sent:?}");
    }

    /// Receives as a mapping does, whose queue hides messages for half a minute.
    pub(crate) async fn receive(&self, queue: &str) -> Vec<Delivery> {
        let request = Receive { queues: vec![queue.into()], lanes: Lane::ALL, max: 100, hide_ms: 30_000, wait_ms: 0 };
        self.ports.queue.receive(request).await.unwrap()
    }

    /// Whether a message can be received after this long.
    pub(crate) async fn is_visible_after(&self, queue: &str, wait: Duration) -> bool {
        self.clock.advance(wait);
        let depths = self.ports.queue.depths().await.unwrap();
        depths.iter().any(|depth| &*depth.queue == queue && depth.ready > 0)
    }

    /// Claims a parcel, as this worker.
    pub(crate) async fn claim(&self, parcel: ParcelId, batch: u128, calls: u32, holder: &str) -> Claim {
        let now_ms = self.clock.now_ms();
        let batch = BatchId::new(START_MS, batch);
        let header = Header {
            counted: true,
            count: calls,
            not_after_ms: START_MS + 14 * 86_400_000,
            ..Header::new(parcel, batch, 0, "mail.send", "mail")
        };
        let request = ClaimRequest::of(&header, holder, now_ms, now_ms + 900_000);
        self.ports.ledger.claim(vec![request]).await.remove(0).unwrap()
    }

    pub(crate) async fn dead(&self) -> Vec<DeadLetter> {
        self.ports.dead_letters.list(DeadQuery::new(100)).await.unwrap()
    }
}

/// Whether the SDKs find credentials. If not, runs this test in a process in which they do.
pub(crate) fn has_credentials(test: &str) -> bool {
    const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    if KEYS.iter().all(|(name, value)| env::var(name).is_ok_and(|found| found == *value)) {
        return true;
    }
    let this = env::current_exe().unwrap();
    let ran = Command::new(this).args(["--exact", "--nocapture", test]).envs(KEYS).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    false
}

/// Answers every request like S3 if an object does not exist.
async fn answer_no_such_key(listener: TcpListener) {
    let body = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
    let head = "HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nConnection: close";
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.unwrap() > 0 {}
        let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// The event that Lambda makes of messages of an SQS queue. The ids are `message-0`, `message-1`, ..
pub(crate) fn event(sqs: &str, deliveries: &[Delivery]) -> Value {
    let records = deliveries.iter().enumerate().map(|(at, delivery)| record(sqs, at, delivery));
    json!({ "Records": records.collect::<Vec<_>>() })
}

pub(crate) fn record(sqs: &str, at: usize, delivery: &Delivery) -> Value {
    json!({
        "messageId": format!("message-{at}"),
        "receiptHandle": &*delivery.receipt.0,
        "body": body(&delivery.body),
        "attributes": {
            "ApproximateReceiveCount": delivery.receives.to_string(),
            "SentTimestamp": delivery.sent_ms.to_string(),
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": delivery.sent_ms.to_string(),
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:eu-central-1:123456789012:{sqs}"),
        "awsRegion": "eu-central-1",
    })
}

/// The text of a message: a parcel in base64, or what another program sent.
pub(crate) fn body(bytes: &[u8]) -> String {
    match Header::peek(bytes) {
        Ok(_) if wire::is_stub(bytes) => {
            json!({ "celeriac": "stored", "header": STANDARD.encode_to_string(bytes) }).to_string()
        }
        Ok(_) | Err(WireError::Newer { .. }) => STANDARD.encode_to_string(bytes),
        Err(_) => String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

/// The answer that says that these stay.
pub(crate) fn stay(ids: &[&str]) -> Value {
    let failures: Vec<_> = ids.iter().map(|id| json!({ "itemIdentifier": id })).collect();
    json!({ "batchItemFailures": failures })
}
