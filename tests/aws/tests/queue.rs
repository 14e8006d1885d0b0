//! Tests the fate of each message when SQS answers batches in part, or refuses.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_tests::{Asked, Fault, LocalAws, Ministack, Proxy, config, create_stack, with_credentials};
use bytes::Bytes;
use celeriac_aws::{Backend, Options, Settings};
use celeriac_core::{
    Lane,
    id::{BatchId, ParcelId},
    parcel::{Packer, Packing},
    ports::{Delivery, Outgoing, PortError, Ports, Receive, SendError},
    store::Store,
    wire::{self, Header},
};
use libtest_mimic::Arguments;
use serde_json::Value;

static AWS: LazyLock<LocalAws> = LazyLock::new(LocalAws::start);

fn main() -> std::process::ExitCode {
    with_credentials();
    let trial = |name: &str, test: fn(&tokio::runtime::Runtime)| {
        aws_tests::trial("queue", name, move || {
            test(&tokio::runtime::Runtime::new()?);
            Ok(())
        })
    };
    let trials = vec![
        trial("a_batch_that_is_sent_in_part_is_sent_whole_and_once", |on| on.block_on(sent_in_part())),
        trial("a_batch_that_is_never_sent_whole_says_so_for_each_message", |on| on.block_on(never_sent_whole())),
        trial("a_batch_that_is_deleted_in_part_says_so_for_each_message", |on| on.block_on(deleted_in_part())),
        trial("a_send_whose_answer_is_lost_is_at_least_there", |on| on.block_on(answer_lost())),
        trial("a_dispatcher_leaves_in_the_bucket_what_is_there", |on| on.block_on(stub_for_a_dispatcher())),
        trial("a_client_that_is_connected_only_sends", |on| on.block_on(connected())),
        trial("a_call_due_much_later_is_scheduled_under_the_stacks_key", |on| on.block_on(scheduled_under_a_key())),
        trial("an_object_that_no_parcel_can_be_is_not_read", |on| on.block_on(object_that_is_too_large())),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The ports of a separate stack, through a proxy.
async fn through(rule: impl Fn(&Asked) -> Fault + Send + Sync + 'static) -> (Ports, Proxy) {
    let (backend, proxy) = stack_through(rule).await;
    (backend.ports(), proxy)
}

async fn stack_through(rule: impl Fn(&Asked) -> Fault + Send + Sync + 'static) -> (Backend, Proxy) {
    static STACKS: AtomicUsize = AtomicUsize::new(0);
    let stack = format!("queue-{}", STACKS.fetch_add(1, Ordering::Relaxed));
    create_stack(&config(AWS.endpoint()).await, &stack, &["mail"]).await;
    let proxy = Proxy::start(AWS.endpoint(), rule);
    let settings = Settings {
        region: Some(Ministack::REGION.to_owned()),
        endpoint: Some(proxy.endpoint().to_owned()),
        bucket: Some(stack.clone()),
        ..Settings::new(stack.parse().expect("a name"))
    };
    (Backend::new(settings, Options::default()).expect("nothing is asked yet"), proxy)
}

/// A rule by which the first requests of this operation have this fault.
fn first(count: usize, operation: &'static str, fault: Fault) -> impl Fn(&Asked) -> Fault + Send + Sync {
    let seen = AtomicUsize::new(0);
    move |asked| {
        let is_one = asked.operation == operation && seen.fetch_add(1, Ordering::Relaxed) < count;
        if is_one { fault.clone() } else { Fault::None }
    }
}

async fn send(ports: &Ports, count: usize) -> Vec<Result<(), SendError>> {
    let message = |k: usize| Outgoing::of("mail", Bytes::from(format!("{k:02}")), 0);
    ports.queue.send((0..count).map(message).collect()).await
}

async fn receive(ports: &Ports) -> Vec<Delivery> {
    let request = Receive { queues: vec!["mail".into()], lanes: Lane::ALL, max: 100, hide_ms: 60_000, wait_ms: 0 };
    ports.queue.receive(request).await.expect("receive")
}

async fn sent_in_part() {
    let (ports, proxy) = through(first(2, "SendMessageBatch", Fault::Partly("InternalError"))).await;
    let sent = send(&ports, 20).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    let received = receive(&ports).await;
    let bodies: BTreeSet<_> = received.iter().map(|delivery| delivery.body.clone()).collect();
    assert_eq!((received.len(), bodies.len(), proxy.faults()), (20, 20, 2));
}

async fn never_sent_whole() {
    let (ports, _proxy) =
        through(first(usize::MAX, "SendMessageBatch", Fault::Refused(503, "ServiceUnavailable"))).await;
    for sent in send(&ports, 3).await {
        let error = sent.expect_err("refused").to_string();
        assert!(error.contains("SQS queue `queue-") && error.contains("ServiceUnavailable"), "{error}");
    }
    assert!(receive(&ports).await.is_empty());
}

async fn deleted_in_part() {
    let (ports, proxy) = through(first(usize::MAX, "DeleteMessageBatch", Fault::Partly("InternalError"))).await;
    send(&ports, 4).await;
    let received = receive(&ports).await;
    let settled = ports.queue.settle(received.iter().map(Delivery::deleted).collect()).await;
    assert!(matches!(settled[..], [Ok(()), Err(_), Ok(()), Err(_)]), "{settled:?}");
    assert!(settled.iter().flat_map(Result::as_ref).count() == 2 && proxy.faults() > 0);
    assert!(!settled.iter().any(|settled| matches!(settled, Err(PortError::Stale))), "they are still there");
}

async fn answer_lost() {
    let (ports, proxy) = through(first(1, "SendMessageBatch", Fault::CutAfter)).await;
    let sent = send(&ports, 3).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    let received = receive(&ports).await;
    let bodies: BTreeSet<_> = received.iter().map(|delivery| delivery.body.clone()).collect();
    assert_eq!((bodies.len(), proxy.faults()), (3, 1));
}

/// A parcel of one call that fits into no message.
fn large_parcel() -> Bytes {
    let batch = BatchId::new(1, 7);
    let mut packer = Packer::new(Packing { calls: 1, bytes: 1 << 20, call_bytes: 1 << 20 });
    // Bytes that do not compress.
    let mut state = 88_172_645_463_325_252_u64;
    let mut argument = vec![0xc6];
    argument.extend((400_000_u32).to_be_bytes());
    argument.extend(
        std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .take(400_000),
    );
    packer.push(&argument);
    packer.encode(Header {
        not_after_ms: u64::MAX,
        ..Header::new(ParcelId::root(batch, 0), batch, 0, "mail.send", "mail")
    })
}

async fn stub_for_a_dispatcher() {
    let (backend, _proxy) = stack_through(|_| Fault::None).await;
    let (worker, dispatcher) = (backend.ports(), backend.dispatcher_ports());
    let parcel = large_parcel();
    let message = Outgoing::of("mail", parcel.clone(), 0);
    worker.queue.send(vec![message]).await.remove(0).expect("it has a place");
    let fetched = || backend.meter().usage().contains_key(&("S3".into(), "GetObject".into()));

    let stub = receive(&dispatcher).await.remove(0);
    assert!(wire::is_stub(&stub.body), "{} bytes", stub.body.len());
    assert_eq!(Header::peek(&stub.body).expect("a header").task, "mail.send");
    assert!(!fetched());
    dispatcher.queue.settle(vec![stub.hidden(0)]).await.remove(0).expect("it can be shown again");
    assert_eq!(receive(&worker).await.remove(0).body, parcel);
    assert!(fetched());
}

async fn connected() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let (backend, _proxy) = stack_through(move |request| {
        lock(&seen).push(request.operation.clone());
        Fault::None
    })
    .await;
    Store::connect(&backend, &["mail".to_owned()]).await;
    let mut first = std::mem::take(&mut *lock(&asked));
    first.sort_unstable();
    assert_eq!(first, ["GetItem", "GetQueueUrl"]);
    assert!(send(&backend.ports(), 1).await[0].is_ok());
    assert_eq!(*lock(&asked), ["SendMessageBatch"]);
}

async fn scheduled_under_a_key() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/shop";
    for kms_key in [None, Some(key.to_owned())] {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let (backend, _proxy) = stack_through(move |request| {
            if request.service == "scheduler" {
                lock(&seen).push(request.body.clone());
            }
            Fault::None
        })
        .await;
        let settings = Settings { kms_key: kms_key.clone(), ..backend.settings().clone() };
        let ports = Backend::new(settings, Options::default()).expect("nothing is asked yet").ports();
        let due_ms = ports.clock.now_ms() + 3_600_000;
        let message = Outgoing::of("mail", Bytes::from("00"), due_ms);
        ports.queue.send(vec![message]).await.remove(0).expect("it is scheduled");
        let requests = lock(&asked);
        let request: Value = serde_json::from_slice(&requests[0]).expect("a request is JSON");
        assert_eq!((requests.len(), request["KmsKeyArn"].as_str()), (1, kms_key.as_deref()), "{request}");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn object_that_is_too_large() {
    let (backend, _proxy) = stack_through(|_| Fault::None).await;
    let ports = backend.ports();
    let message = Outgoing::of("mail", large_parcel(), 0);
    ports.queue.send(vec![message]).await.remove(0).expect("it has a place");
    let key = format!("parcels/{}", Header::peek(&large_parcel()).expect("a header").id);
    let config = config(AWS.endpoint()).await;
    let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
    let bucket = backend.settings().bucket.clone().expect("it has one");
    let larger = vec![0; (17 << 20) + 1];
    s3.put_object().bucket(bucket).key(key).body(larger.into()).send().await.expect("somebody may write there");
    assert!(receive(&ports).await.is_empty(), "it is put aside until it can be read");
}
