//! The tasks to call, and their stack.

use anyhow::Result;
use celeriac::{Context, Stop, task};
use celeriac_aws::{Backend, Bill, Options, Settings};

/// The queue of both tasks.
pub(crate) const QUEUE: &str = "load";

/// The stack, the SQS queue behind [`QUEUE`] and the function that its parcels run in.
pub(crate) const STACK: &str = "bench";
pub(crate) const SQS_QUEUE: &str = "bench-load";
pub(crate) const FUNCTION: &str = "bench-worker";

/// How many workers run at once: as many as an account has by default.
pub(crate) const WORKERS: usize = 1000;

/// Packed: a parcel has as many calls as fit.
#[task(queue = "load", concurrency = 4096, timeout = "60s")]
pub(crate) async fn packed(payload: String) {
    std::hint::black_box(payload);
}

/// One call in twenty is tried again.
#[task(queue = "load", concurrency = 4096, timeout = "60s", retries = 3, backoff = "1s..1s")]
pub(crate) async fn flaky(cx: &Context, payload: String) -> Result<(), Stop> {
    let unlucky = payload.bytes().rev().take(8).map(u32::from).sum::<u32>() % 20 == 0;
    if unlucky && cx.attempt() == 1 { Err(Stop::Retry("try again".into())) } else { Ok(()) }
}

/// Runs one call at a time, so that each call is a parcel.
#[task(queue = "load", timeout = "60s")]
pub(crate) async fn lone(payload: String) {
    std::hint::black_box(payload);
}

/// Takes as long as a parcel may, so that each call is a parcel, and each parcel an invocation.
#[task(queue = "load", concurrency = 1, takes = "30s", timeout = "60s")]
pub(crate) async fn alone(payload: String) {
    std::hint::black_box(payload);
}

/// The stack on a host.
pub(crate) fn backend(url: &str) -> Result<Backend> {
    let mut settings = Settings::new(STACK.parse()?);
    settings.region = Some("us-east-1".to_owned());
    settings.endpoint = Some(url.to_owned());
    // Not counted: that would take two writes to the table for each invocation, and there is no table here.
    settings.cap = 0;
    Ok(Backend::new(settings, Options::default())?)
}

/// The units that AWS would have billed so far.
pub(crate) fn units(backend: &Backend) -> f64 {
    Bill::new(&backend.meter().usage(), 1).units()
}
