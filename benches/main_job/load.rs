//! The load: tasks that do nothing, or wait, with arguments of 100 bytes that look like a mail's.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use celeriac::task;
use tokio::time::Instant;

/// Does nothing.
#[task(concurrency = 4096, timeout = "60s")]
pub(crate) async fn noop(payload: String) {
    std::hint::black_box(payload);
}

/// How many calls of [`count`] have run in this process.
pub(crate) static RAN: AtomicU64 = AtomicU64::new(0);

/// Counts its runs.
#[task(concurrency = 4096, timeout = "60s")]
pub(crate) async fn count(payload: String) {
    std::hint::black_box(payload);
    RAN.fetch_add(1, Ordering::Relaxed);
}

/// A call's arguments.
pub(crate) fn payload(n: u64) -> String {
    measure::payload(n, 100)
}

/// How many calls of [`wait`] have ended.
pub(crate) static WAITED: AtomicU64 = AtomicU64::new(0);

/// Takes 50 ms, as a call of another service does. At the default concurrency.
#[task(timeout = "60s")]
pub(crate) async fn wait(payload: String) {
    tokio::time::sleep(Duration::from_millis(50)).await;
    std::hint::black_box(payload);
    WAITED.fetch_add(1, Ordering::Relaxed);
}

/// When each call of [`stamp`] has started, by its number.
pub(crate) static STARTED: Mutex<BTreeMap<u64, Instant>> = Mutex::new(BTreeMap::new());

/// Notes when it starts. It is in the same queue.
#[task(timeout = "60s")]
pub(crate) async fn stamp(number: u64) {
    STARTED.lock().expect("no holder panics").insert(number, Instant::now());
}
