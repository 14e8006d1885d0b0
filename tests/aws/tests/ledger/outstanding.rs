//! Tests that dispatchers share a cap, and that an idle dispatcher keeps no part of it from the others.

use std::time::Duration;

use bytes::Bytes;
use celeriac_aws::{Attempt, Functions, Settings};
use celeriac_core::{
    Lane,
    id::ParcelId,
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
        self.functions.invoke(Invocation::of(deliveries)).await.expect_err("there is no function")
    }
}

async fn launchers<const COUNT: usize>() -> [Launcher; COUNT] {
    let settings = settings().await;
    std::array::from_fn(|_| launcher(&settings))
}

fn launcher(settings: &Settings) -> Launcher {
    let table = open(settings, |_| aws_tests::Fault::None);
    let functions = table.backend.functions(&Registry::new([&TASK]).expect("a task"));
    Launcher { table, functions }
}

pub(crate) async fn an_idle_dispatcher_counts_nothing() {
    let [first, second, third] = launchers().await;
    for _ in 0..5 {
        assert_eq!((first.functions.room(Lane::Bulk).await, second.functions.room(Lane::Bulk).await), (64, 64));
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
    assert_eq!((first.functions.room(Lane::Bulk).await, first.writes()), (64, 1), "it is for the next ones");
    first.table.clock.advance(Duration::from_millis(1));
    assert_eq!((first.functions.room(Lane::Bulk).await, first.writes()), (64, 2));
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
    assert_eq!(first.functions.room(Lane::Bulk).await, 64);
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

/// Each 64 of the cap have an item, since one item takes a thousand writes a second.
pub(crate) async fn a_large_cap_is_counted_in_several_items() {
    let settings = Settings { cap: 640, ..settings().await };
    let launchers: Vec<_> = (0..11).map(|_| launcher(&settings)).collect();
    let mut granted = Vec::new();
    for launcher in &launchers {
        granted.push(launcher.functions.reserve(100).await.expect("the table is there"));
    }
    assert_eq!(granted, [64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 0]);
    launchers[3].functions.give_back().await;
    assert_eq!(launchers[10].functions.reserve(100).await.expect("the table is there"), 64, "wherever there is room");
    assert!(requests(&launchers[10].table, "DynamoDB", "BatchGetItem") > 0);
}

pub(crate) async fn a_function_whose_workers_never_begin_is_launched_now_and_then() {
    let [first, second] = launchers().await;
    let function = first.table.backend.settings().stack.worker(None);
    let brake = first.table.backend.brake();
    for _ in 0..9 {
        brake.failed(&function, Attempt::Usual).await.expect("the table is there");
    }
    assert!(matches!(first.invoke().await, InvokeError::Failed(_)), "nine may be chance");
    brake.failed(&function, Attempt::Usual).await.expect("the table is there");
    let InvokeError::Broken { function: broken } = second.invoke().await else { panic!("ten are a fault") };
    assert_eq!(broken, function);
    // Those that were in flight by then are reported too.
    for _ in 0..20 {
        brake.failed(&function, Attempt::Usual).await.expect("the table is there");
    }
    second.table.clock.advance(Duration::from_secs(1));
    for _ in 0..2 {
        assert!(matches!(second.invoke().await, InvokeError::Failed(_)), "a probe, which gives its right back");
    }
    brake.failed(&function, Attempt::Probe).await.expect("the table is there");
    second.table.clock.advance(Duration::from_secs(5));
    assert!(matches!(second.invoke().await, InvokeError::Failed(_)), "the next probe");
    brake.mended(&function).await;
    for _ in 0..2 {
        second.table.clock.advance(Duration::from_secs(5));
        assert!(matches!(second.invoke().await, InvokeError::Failed(_)), "like any other");
    }
    first.table.clock.advance(Duration::from_hours(2));
    for _ in 0..9 {
        brake.failed(&function, Attempt::Usual).await.expect("the table is there");
    }
    assert!(matches!(first.invoke().await, InvokeError::Failed(_)), "the mend forgot the ten before");
}

pub(crate) async fn how_often_a_parcel_was_sent_again_is_counted() {
    let [launcher] = launchers().await;
    let (one, other) = (ParcelId::from_bytes([1; 16]), ParcelId::from_bytes([2; 16]));
    let mut times = Vec::new();
    for parcel in [one, one, other, one] {
        times.push(launcher.table.backend.resent(parcel, 1_800_000_000_000).await.expect("the table is there"));
    }
    assert_eq!(times, [1, 2, 1, 3]);
}
