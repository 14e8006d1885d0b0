//! Tests the client's waits on any executor and on none: retried sends, a stream that fills no parcel, results and
//! batches. Times are short and real, since there is no runtime that could skip them.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake},
    thread::{self, Thread},
    time::Duration,
};

use celeriac_core::client::{Error, FanOut};
use futures::stream;

use crate::{
    memory::{client, unavailable},
    tasks::{SendEmail, campaign, mail, recipients},
};

const SHORT: Duration = Duration::from_millis(20);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest possible executor.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Every kind of wait in the client.
async fn everything() {
    let (client, memory) = client();
    let handle = mail(&client, "ada").send().await.unwrap();
    let error = handle.get(SHORT).await.unwrap_err();
    assert!(matches!(error, Error::NotYet { .. }), "{error}");

    memory.state().mark_answers.push_back(unavailable());
    let batch = campaign(&client, 10).await.unwrap();
    let error = batch.wait(SHORT).await.unwrap_err();
    assert!(matches!(error, Error::NotComplete { .. }), "{error}");

    // It has nothing more until the items that it has yielded are sent.
    let slow = stream::unfold(0, |n| {
        let (client, memory) = (client.clone(), memory.clone());
        async move {
            while n == 1 && !recipients(&memory.parcels()).contains(&"item 0".to_owned()) {
                let _: Result<u32, Error> = client.handle(handle_of_nothing()).get(SHORT).await;
            }
            (n < 2).then(|| (format!("item {n}"), n + 1))
        }
    });
    let batch = FanOut::<SendEmail>::new(slow).on(&client).await.unwrap();
    assert_eq!((batch.accepted(), batch.sent()), (2, 2));
    assert_eq!(campaign(&client, 10).plan().await.unwrap().calls, 10);
    let inner = mail(&client, "in a scope").send();
    client.scope(inner).await.unwrap();
}

fn handle_of_nothing() -> celeriac_core::id::TaskId {
    celeriac_core::id::BatchId::from_key("mail.send", "nothing").call(0)
}

#[test]
fn the_executor_of_futures_will_do() {
    futures_executor::block_on(everything());
}

#[test]
fn the_smallest_executor_will_do() {
    block_on(everything());
}

#[test]
fn a_tokio_runtime_will_do() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(everything());
}

fn without_async() {
    let (client, memory) = client();
    let handle = mail(&client, "ada").blocking_send().unwrap();
    let again = mail(&client, "grace").send().blocking_send().unwrap();
    assert_ne!(handle.id(), again.id());
    let error = handle.blocking_get(SHORT).unwrap_err();
    assert!(matches!(error, Error::NotYet { .. }), "{error}");
    memory.state().mark_answers.push_back(unavailable());
    let batch = campaign(&client, 10).blocking_send().unwrap();
    let error = batch.blocking_wait(SHORT).unwrap_err();
    assert!(matches!(error, Error::NotComplete { .. }), "{error}");
}

#[test]
fn code_that_is_not_async_blocks_its_thread() {
    without_async();
}

/// The runtime makes no progress while its only thread is blocked.
#[tokio::test]
async fn blocking_the_thread_of_a_runtime_hangs_nothing() {
    without_async();
}

#[test]
fn blocking_the_thread_of_another_executor_hangs_nothing() {
    futures_executor::block_on(async { without_async() });
}
