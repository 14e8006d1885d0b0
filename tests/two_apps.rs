//! Tests two apps in one process: a call that a task makes without naming a client is sent by the client of the worker
//! that runs the task, in every way to call. Tasks that are plain functions make calls too.
#![cfg(feature = "embedded")]
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use std::{collections::BTreeMap, path::Path, time::Duration};

use celeriac::{App, BoxError, CallStatus, Client, Running, TaskId, task};

const LONG: Duration = Duration::from_secs(30);

#[task]
async fn child(n: u64) -> Result<u64, BoxError> {
    Ok(2 * n)
}

type Ids = BTreeMap<String, String>;

/// Makes calls in each way that an async task has.
#[task(timeout = "1m")]
async fn parent() -> Result<Ids, BoxError> {
    let at_the_first_poll = child.delay(1).await?.id();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let after_a_wait = child.delay(2).await?.id();
    let spawned = tokio::spawn(async { child.delay(3).await.map(|call| call.id()) }).await??;
    let blocking = || child.delay(4).blocking_send().map(|call| call.id());
    let spawned_blocking = tokio::task::spawn_blocking(blocking).await??;
    let many = child.fan_out([5]).await?.call(0).id();
    Ok(named([
        ("at the first poll", at_the_first_poll),
        ("after a wait", after_a_wait),
        ("spawned", spawned),
        ("spawned blocking", spawned_blocking),
        ("many", many),
    ]))
}

/// Makes calls in each way that a plain function has.
#[task(timeout = "1m")]
fn plain_parent() -> Result<Ids, BoxError> {
    let call = child.delay(1).blocking_send()?;
    assert_eq!(call.blocking_get(LONG)?, 2);
    let applied = child.apply(2).queue("default").blocking_send()?.id();
    let batch = child.fan_out([3]).blocking_send()?;
    assert_eq!(batch.blocking_wait(LONG)?.succeeded, 1);
    // Its thread belongs to a runtime.
    let runtime = tokio::runtime::Handle::current();
    let by_handle = runtime.block_on(child.delay(4))?.id();
    let spawned = runtime.block_on(tokio::spawn(async { child.delay(5).await.map(|call| call.id()) }))??;
    Ok(named([
        ("blocking", call.id()),
        ("applied", applied),
        ("many", batch.call(0).id()),
        ("by handle", by_handle),
        ("spawned", spawned),
    ]))
}

fn named<const N: usize>(ids: [(&str, TaskId); N]) -> Ids {
    ids.into_iter().map(|(name, id)| (name.to_owned(), id.to_string())).collect()
}

async fn start(file: &Path) -> Running {
    App::default().store(format!("sqlite:{}", file.display())).slots(4).start().await.unwrap()
}

/// The status of a call once it has ended, or after a while.
async fn ended(client: &Client, id: &str) -> CallStatus {
    let call = client.handle::<u64>(id.parse().unwrap());
    let _ = call.get(LONG).await;
    call.status().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_a_task_makes_belong_to_the_app_that_runs_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(&folder.path().join("first.db")).await;
    let last = start(&folder.path().join("last.db")).await;
    for (app, other) in [(&first, &last), (&last, &first)] {
        let (client, other) = (app.client(), other.client());
        let of_async = parent.apply().on(&client).send().await.unwrap().get(LONG).await.unwrap();
        let of_plain = plain_parent.apply().on(&client).send().await.unwrap().get(LONG).await.unwrap();
        for (how, id) in of_async.into_iter().chain(of_plain) {
            assert_eq!(ended(&client, &id).await, CallStatus::Succeeded, "{how}");
            let elsewhere = other.status(id.parse().unwrap()).await.unwrap();
            assert_eq!(elsewhere, CallStatus::Queued, "{how}: it is not known there");
        }
    }
    let from_outside = child.delay(6).await.unwrap();
    assert_eq!(
        ended(&last.client(), &from_outside.id().to_string()).await,
        CallStatus::Succeeded,
        "the last is default"
    );
    first.stop().await;
    last.stop().await;
}
