//! Tests that dispatchers share a cap, and that an idle dispatcher keeps no part of it from the others.

use std::time::Duration;

use bytes::Bytes;
use celeriac_aws::Functions;
use celeriac_core::{
    ports::{Delivery, Invocation, InvokeError, Invoker as _, Receipt},
    task::{Body, Options, Registry, TaskDef},
};

use crate::table::{Table, open, requests, settings};

static TASK: TaskDef =
    TaskDef::untyped("mail.send", Options::new(), Body::Async(|_, _| Err("nothing is run here".to_owned())));

/// The functions of a long-lived dispatcher. They do not exist, so that nothing is launched.
struct Launcher {
    table: Table,
    functions: Functions,
}

impl Launcher {
    /// How often the count was written.
    fn writes(&self) -> u64 {
        requests(&self.table, "DynamoDB", "UpdateItem")
    }

    /// How many invocations are granted. They are given back at once.
    async fn left(&self) -> usize {
        let left = self.functions.reserve(100).await.expect("the table is there");
        self.functions.give_back().await;
        left
    }

    async fn invoke(&self) -> InvokeError {
        let (queue, body, receipt) = ("mail".into(), Bytes::new(), Receipt("7".into()));
        let deliveries = vec![Delivery { queue, body, receipt, receives: 1, sent_ms: 0 }];
        self.functions.invoke(Invocation { deliveries }).await.expect_err("there is no function")
    }
}

async fn launchers<const COUNT: usize>() -> [Launcher; COUNT] {
    let settings = settings().await;
    std::array::from_fn(|_| {
        let table = open(&settings, |_| aws_tests::Fault::None);
        let functions = table.backend.functions(&Registry::new([&TASK]).expect("a task"));
        Launcher { table, functions }
    })
}

pub(crate) async fn an_idle_dispatcher_counts_nothing() {
    let [first, second, third] = launchers().await;
    for _ in 0..5 {
        assert_eq!((first.functions.room().await, second.functions.room().await), (64, 64));
        first.table.clock.advance(Duration::from_mins(1));
    }
    assert_eq!(first.writes() + second.writes(), 0);
    assert_eq!(third.left().await, 100, "all of the cap");
}

pub(crate) async fn idle_reservations_are_given_back() {
    let [first, second] = launchers().await;
    assert!(matches!(first.invoke().await, InvokeError::Failed(_)));
    assert_eq!((first.writes(), second.left().await), (1, 36), "a block is counted, and the launch failed");
    assert!(matches!(first.invoke().await, InvokeError::Failed(_)));
    first.table.clock.advance(Duration::from_millis(4999));
    assert_eq!((first.functions.room().await, first.writes()), (64, 1), "it is for the next ones");
    first.table.clock.advance(Duration::from_millis(1));
    assert_eq!((first.functions.room().await, first.writes()), (64, 2));
    assert_eq!(second.left().await, 100);
}

pub(crate) async fn a_dispatcher_that_was_refused_counts_before_it_receives() {
    let [first, second] = launchers().await;
    assert_eq!(second.functions.reserve(100).await.expect("the table is there"), 100);
    assert!(matches!(first.invoke().await, InvokeError::Throttled));
    let writes = first.writes();
    assert!(matches!(first.invoke().await, InvokeError::Throttled));
    assert_eq!(first.writes(), writes, "it is known that there is no room");
    second.functions.give_back().await;
    assert_eq!(first.functions.room().await, 64);
    assert_eq!(second.left().await, 36, "they are counted before something is received");
}

/// Three hundred dispatchers that waited for capacity once counted up and down at each look: three thousand writes a
/// second to an item that takes a thousand. Ends could not be counted, and 500,000 calls took 816 s instead of 150
/// (`benches/scale`).
pub(crate) async fn a_dispatcher_that_found_no_room_looks_and_counts_nothing_until_there_is_some() {
    let [first, second] = launchers().await;
    assert_eq!(second.functions.reserve(100).await.expect("the table is there"), 100);
    assert_eq!((first.functions.reserve(10).await.expect("the table is there"), first.writes()), (0, 2));
    for _ in 0..20 {
        assert_eq!(first.functions.reserve(10).await.expect("the table is there"), 0);
    }
    assert_eq!((first.writes(), requests(&first.table, "DynamoDB", "GetItem")), (2, 20));
    second.functions.give_back().await;
    assert_eq!((first.functions.reserve(10).await.expect("the table is there"), first.writes()), (10, 3));
}
