//! Counts the workers of a store in memory, where only this process can be one.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use celeriac_core::{
    Lane,
    ports::Receive,
    store::{Existence, StoreUrl, Workers, open, workers},
};
use celeriac_memory as _;

#[tokio::test]
async fn this_process_is_a_worker_once_it_receives() {
    let (one, other): (StoreUrl, StoreUrl) = ("memory:one".parse().unwrap(), "memory:other".parse().unwrap());
    let ports = open(&one, Existence::Created).unwrap().ports();
    assert_eq!(ports.url.as_deref(), Some("memory:one"));
    assert_eq!(workers(&one), Workers::Known(0));
    ports
        .queue
        .receive(Receive { queues: vec!["mail".into()], lanes: Lane::ALL, max: 1, hide_ms: 1, wait_ms: 0 })
        .await
        .unwrap();
    assert_eq!((workers(&one), workers(&other)), (Workers::Known(1), Workers::Known(0)));
}
