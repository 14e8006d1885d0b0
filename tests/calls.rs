//! Tests calls from `delay` to their results: client, dispatcher and worker in one process, on one file.

#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]
#![allow(clippy::unused_async, reason = "these tasks have nothing to wait for")]

use std::time::Duration;

use celeriac::{App, BoxError, CallStatus, Client, Context, DeadQuery, Running, Stop, task};
use celeriac_core::Lane;
use celeriac_core::{parcel::Parcel, ports::Receive, protocol};
use futures::future::join_all;
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(30);

#[task]
async fn double(n: u64) -> Result<u64, BoxError> {
    Ok(2 * n)
}

#[task]
async fn note(_n: u32) {}

/// Returns a value that is not in a `Result`.
#[task]
async fn greeting(name: String) -> String {
    format!("Dear {name}")
}

#[task]
fn words(text: String) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// Returns an `Option`: `None` is no failure.
#[task]
async fn nothing() -> Option<u8> {
    None
}

/// Another name of a `Result`, whose error could be stored too.
type Sent = Result<u8, String>;

#[task(retries = 0)]
async fn fails() -> Sent {
    Err("no such address".to_owned())
}

#[task(retries = 2, backoff = "1ms..2ms")]
async fn stubborn(cx: &Context, succeeds_at: u32) -> Result<u32, BoxError> {
    if cx.attempt() >= succeeds_at { Ok(cx.attempt()) } else { Err(format!("attempt {} failed", cx.attempt()).into()) }
}

#[task]
async fn refuse() -> Result<(), Stop> {
    Err(Stop::Cancel("no such address".to_owned()))
}

async fn start(dir: &TempDir) -> (Running, Client) {
    let running =
        App::default().store(format!("sqlite:{}", dir.path().join("test.db").display())).start().await.unwrap();
    let client = running.client();
    (running, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_answers_what_its_task_returned() {
    let dir = TempDir::new().unwrap();
    let (running, client) = start(&dir).await;
    client
        .scope(async {
            assert_eq!(double.delay(21).await.unwrap().get(LONG).await.unwrap(), 42);
            let handles = join_all((0..200).map(|n| double.delay(n))).await;
            for (handle, n) in handles.into_iter().zip(0..) {
                assert_eq!(handle.unwrap().get(LONG).await.unwrap(), 2 * n);
            }
            let unit = note.delay(1).await.unwrap();
            unit.get(LONG).await.unwrap();
            assert_eq!(unit.status().await.unwrap(), CallStatus::Succeeded);
        })
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_may_return_any_value_that_can_be_stored() {
    let dir = TempDir::new().unwrap();
    let (running, client) = start(&dir).await;
    client
        .scope(async {
            assert_eq!(greeting.delay("Ada").await.unwrap().get(LONG).await.unwrap(), "Dear Ada");
            assert_eq!(words.delay("one two").await.unwrap().get(LONG).await.unwrap(), ["one", "two"]);
            assert_eq!(nothing.delay().await.unwrap().get(LONG).await.unwrap(), None);
            let failed = fails.delay().await.unwrap();
            let error = failed.get(LONG).await.unwrap_err().to_string();
            assert!(error.contains("no such address"), "{error}");
            assert!(matches!(failed.status().await.unwrap(), CallStatus::Dead { .. }));
        })
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_runs_to_its_end() {
    let dir = TempDir::new().unwrap();
    let (running, client) = start(&dir).await;
    let batch = double.fan_out(0..10_000u64).name("numbers").on(&client).await.unwrap();
    let progress = batch.wait(LONG).await.unwrap();
    assert_eq!((progress.total, progress.succeeded, progress.dead), (10_000, 10_000, 0));
    assert_eq!(batch.call(4321).get(LONG).await.unwrap(), 8642);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_tried_again_is_followed() {
    let dir = TempDir::new().unwrap();
    let (running, client) = start(&dir).await;
    let late = stubborn.apply(3).on(&client).send().await.unwrap();
    assert_eq!(late.get(LONG).await.unwrap(), 3);
    let attempts = client.history(late.id()).await.unwrap();
    assert_eq!(attempts.iter().map(|failure| failure.attempt).collect::<Vec<_>>(), [1, 2]);

    let never = stubborn.apply(9).on(&client).send().await.unwrap();
    assert_eq!(
        never.get(LONG).await.unwrap_err().to_string(),
        format!("call {} has no result: it failed after 3 attempts: attempt 3 failed", never.id())
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_call_runs_again_and_dies_again() {
    let dir = TempDir::new().unwrap();
    let (running, client) = start(&dir).await;
    let call = refuse.apply().on(&client).send().await.unwrap();
    let told = call.get(LONG).await.unwrap_err().to_string();
    assert_eq!(told, format!("call {} has no result: it failed after 1 attempt: no such address", call.id()));
    let dead = || client.dead(DeadQuery::new(10));
    let first = dead().await.unwrap();
    assert_eq!(client.retry_dead(&first).await.unwrap(), 1);
    assert_eq!(call.get(LONG).await.unwrap_err().to_string(), told);
    let second = dead().await.unwrap();
    assert!(second[0].died_ms > first[0].died_ms);
    assert_eq!(client.drop_dead(&second).await.unwrap(), 1);
    assert_eq!(call.status().await.unwrap(), CallStatus::Dropped);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_runs_once_and_a_revoked_batch_not_at_all() {
    let dir = TempDir::new().unwrap();
    let (running, client) = start(&dir).await;
    let first = double.apply(1).unique("once").on(&client).send().await.unwrap();
    assert_eq!(first.get(LONG).await.unwrap(), 2);
    let again = double.apply(5).unique("once").on(&client).send().await.unwrap();
    assert_eq!((again.id(), again.get(LONG).await.unwrap()), (first.id(), 2));

    let later = note.fan_out(0..100u32).countdown(Duration::from_millis(300)).on(&client).await.unwrap();
    later.revoke().await.unwrap();
    let progress = later.wait(LONG).await.unwrap();
    assert_eq!((progress.succeeded, progress.dead, progress.revoked), (0, 100, true));
    running.stop().await;
}

/// The client of a file on which no worker runs.
fn client_alone(dir: &TempDir) -> Client {
    Client::new(celeriac::embedded::open(&dir.path().join("test.db")).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_ends_waiting_calls_as_dead_letters_that_can_be_sent_again() {
    let dir = TempDir::new().unwrap();
    let client = client_alone(&dir);
    let batch = double.fan_out(0..10u64).on(&client).await.unwrap();
    let alone = double.apply(5).on(&client).send().await.unwrap();
    let later = double.apply(6).countdown(Duration::from_hours(1)).on(&client).send().await.unwrap();
    let elsewhere = double.apply(7).queue("other").on(&client).send().await.unwrap();
    let purged = client.purge("default").await.unwrap();
    assert_eq!((purged.calls, purged.parcels, purged.running, purged.unreadable), (11, 2, 0, 0));
    for untouched in [&later, &elsewhere] {
        assert_eq!(untouched.status().await.unwrap(), CallStatus::Queued);
    }
    assert_eq!(batch.wait(LONG).await.unwrap().dead, 10);
    let told = alone.get(LONG).await.unwrap_err().to_string();
    assert_eq!(told, format!("call {} has no result: it was revoked: its queue was purged before it ran", alone.id()));
    assert_eq!(client.purge("default").await.unwrap().calls, 0);

    let dead = client.dead(DeadQuery::new(100)).await.unwrap();
    assert_eq!(client.retry_dead(&dead).await.unwrap(), 11);
    drop(client);
    let (running, client) = start(&dir).await;
    assert_eq!(client.handle::<u64>(alone.id()).get(LONG).await.unwrap(), 10);
    let progress = client.batch::<u64>(batch.id()).await.unwrap().wait(LONG).await.unwrap();
    assert_eq!((progress.succeeded, progress.dead), (10, 0));
    running.stop().await;
}

#[tokio::test]
async fn a_purge_leaves_parcels_that_a_worker_runs() {
    let dir = TempDir::new().unwrap();
    let client = client_alone(&dir);
    let call = double.apply(5).on(&client).send().await.unwrap();
    let ports = client.ports();
    let request = Receive { queues: vec!["default".into()], lanes: Lane::ALL, max: 1, hide_ms: 60_000, wait_ms: 0 };
    let delivery = ports.queue.receive(request).await.unwrap().pop().unwrap();
    let parcel = Parcel::open(&delivery.body).unwrap();
    let lease_until_ms = ports.clock.now_ms() + 3_600_000;
    protocol::claim(ports, [&parcel].into_iter(), &"worker".into(), lease_until_ms).await.pop().unwrap().unwrap();
    ports.queue.settle(vec![delivery.hidden(0)]).await.pop().unwrap().unwrap();
    let purged = client.purge("default").await.unwrap();
    assert_eq!((purged.calls, purged.running), (0, 1));
    assert!(matches!(call.status().await.unwrap(), CallStatus::Running { .. }));
}

#[tokio::test]
async fn a_program_that_only_sends_connects_to_the_store_that_a_worker_serves() {
    let dir = TempDir::new().unwrap();
    let url = format!("sqlite:{}", dir.path().join("test.db").display());
    let sender = App::default().store(&url).connect().await.unwrap();
    let call = double.apply(21).on(&sender).send().await.unwrap();
    let running = App::default().store(&url).start().await.unwrap();
    assert_eq!(call.get(LONG).await.unwrap(), 42);
    running.stop().await;
}

#[cfg(feature = "aws-client")]
#[tokio::test]
async fn a_program_that_only_sends_cannot_connect_to_a_queue_that_the_store_cannot_have() {
    let app = App::default().store("aws:shop").queue("mail-dead", celeriac::Road::Wide);
    let error = app.connect().await.unwrap_err().to_string();
    let why = "queue `mail-dead`: stack `shop` needs that name for itself; no queue is `failures` or ends in `-dead`";
    assert!(error.ends_with(why), "{error}");
}
