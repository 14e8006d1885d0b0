//! The narrow road: a long-lived worker that receives from its queues itself, without a dispatcher.

use std::{sync::Arc, time::Duration};

use celeriac_core::{
    PerLane,
    backoff::doubled_ms,
    ports::{Delivery, Invocation, LaneLoop, PortError, Receive, Turns},
};
use futures::{FutureExt as _, future::join_all};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::Worker;

/// How long a receive waits for a first message: the longest that SQS waits.
const WAIT_MS: u64 = 20_000;

/// The first pause after a receive that failed, and the longest.
const FIRST_PAUSE_MS: u64 = 100;
const MAX_PAUSE_MS: u64 = 30_000;

/// Receives parcels of these queues and runs them, `slots` at a time in each lane, until `stop`. Returns when all parcels
/// that it has received have ended. [`Worker::stop`] limits how long that takes.
///
/// # Errors
/// [`PortError::Gone`] if the store is gone, so that nothing can be received any more.
pub async fn narrow(
    worker: Arc<Worker>,
    queues: Vec<Arc<str>>,
    slots: PerLane<usize>,
    stop: CancellationToken,
) -> Result<(), PortError> {
    let stop = stop.child_token();
    let slots = &slots;
    let serve = |of: &'static LaneLoop| {
        let (worker, queues, stop) = (Arc::clone(&worker), queues.clone(), stop.clone());
        async move {
            let served = serve(worker, queues, of, *slots.of(of.places), &stop).await;
            if served.is_err() {
                stop.cancel();
            }
            served
        }
    };
    join_all(worker.ports().profile.lanes.loops().iter().map(serve)).await.into_iter().collect()
}

async fn serve(
    worker: Arc<Worker>,
    queues: Vec<Arc<str>>,
    of: &LaneLoop,
    slots: usize,
    stop: &CancellationToken,
) -> Result<(), PortError> {
    let slots = slots.clamp(1, Semaphore::MAX_PERMITS);
    let free = Arc::new(Semaphore::new(slots));
    let (mut turns, mut failures) = (Turns::new(queues), 0);
    let mut done = Ok(());
    while let Some(Some(first)) = stop.run_until_cancelled(Arc::clone(&free).acquire_owned().map(Result::ok)).await {
        let max = 1 + free.available_permits();
        let queues = turns.take();
        let request = Receive {
            queues: queues.clone(),
            lanes: of.lanes,
            max,
            hide_ms: worker.ports().profile.lease_ms,
            wait_ms: WAIT_MS,
        };
        match stop.run_until_cancelled(worker.ports().queue.receive(request)).await {
            None => break,
            Some(Ok(deliveries)) => {
                failures = 0;
                start(&worker, &free, first, deliveries).await;
            }
            Some(Err(error @ PortError::Gone { .. })) => {
                done = Err(error);
                break;
            }
            Some(Err(error)) => {
                failures += 1;
                let pause_ms = doubled_ms(FIRST_PAUSE_MS, failures, MAX_PAUSE_MS);
                tracing::warn!(%error, ?queues, pause_ms, "cannot receive; trying again");
                drop(first);
                stop.run_until_cancelled(worker.ports().clock.sleep(Duration::from_millis(pause_ms))).await;
            }
        }
    }
    // When all slots are free, every received parcel has ended.
    drop(free.acquire_many(slots as u32).await);
    done
}

/// Gives each parcel a slot of its own, so that a parcel with slow calls does not hold up the others.
async fn start(worker: &Arc<Worker>, free: &Arc<Semaphore>, first: OwnedSemaphorePermit, deliveries: Vec<Delivery>) {
    let mut first = Some(first);
    for delivery in deliveries {
        let permit = match first.take() {
            Some(permit) => Some(permit),
            None => Arc::clone(free).acquire_owned().await.ok(),
        };
        let worker = Arc::clone(worker);
        tokio::spawn(async move {
            worker.run(Invocation::of(vec![delivery]), None).await;
            drop(permit);
        });
    }
}
