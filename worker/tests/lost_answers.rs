//! Recordings whose answers get lost.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use celeriac_core::{
    client::Client,
    ports::{Checkpoint, Ledger, PortError, Ports, layers::LedgerLayer},
    task::{Body, Context, Ended, Options, Stop},
    wire::decode_args,
};
use celeriac_worker::Worker;
use common::{Bench, def, options};
use futures::{FutureExt as _, future::BoxFuture};

/// A ledger that does what it is asked to do, but loses its answer to the first record of a dead letter. Before
/// anything else is recorded, someone sends that letter again.
struct Forgetful {
    ledger: Arc<dyn Ledger>,
    client: Client,
    lost: AtomicBool,
}

impl LedgerLayer for Forgetful {
    fn inner(&self) -> &dyn Ledger {
        &*self.ledger
    }

    fn checkpoint(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        async move {
            let dies = checkpoints.iter().filter_map(|at| at.record.as_ref()).any(|record| !record.dead.is_empty());
            let written = self.ledger.checkpoint(checkpoints).await;
            if !dies || self.lost.swap(true, Ordering::Relaxed) {
                return written;
            }
            let letters = self.client.dead(celeriac_core::ports::DeadQuery::new(10)).await.unwrap();
            assert_eq!(self.client.retry_dead(&letters).await.unwrap(), 1);
            vec![Err(PortError::Unknown { what: "the answer got lost".to_owned(), source: None })]
        }
        .boxed()
    }
}

/// Call 0 fails, the other takes two seconds.
fn task(args: &[u8], cx: Context) -> Result<BoxFuture<'static, Ended>, String> {
    let n: u32 = decode_args(args).map_err(|error| error.to_string())?;
    Ok(async move {
        if n == 0 {
            return Err(Stop::Cancel("no such address".to_owned()));
        }
        let clock = cx.state::<Arc<common::ManualClock>>();
        celeriac_core::ports::Clock::sleep(&**clock, Duration::from_secs(2)).await;
        Ok(None)
    }
    .boxed())
}

#[tokio::test]
async fn a_dead_letter_that_was_sent_again_is_not_written_again() {
    let bench = Bench::new([def("mail", Options::new().concurrency(4), Body::Async(task))]).with_clock();
    bench.send("mail", 2).await;
    let client = Client::new(bench.ports.clone());
    let ledger = Forgetful { ledger: Arc::clone(&bench.ports.ledger), client, lost: AtomicBool::new(false) };
    let ports = Ports { ledger: Arc::new(ledger), ..bench.ports.clone() };
    let worker = Worker::new(Arc::clone(&bench.registry), ports, bench.states.clone(), options());
    bench.run_in_time(&worker).await;
    assert!(bench.dead().await.is_empty(), "it was sent again, and has not run since");
    assert_eq!((bench.tally().await.failed, bench.tally().await.succeeded), (0, 1));
}
