//! Measures what AWS bills for calls: the functions' own handlers, behind a host that maps their queues and invokes
//! them, with the ledger in a local `DynamoDB` that reports billed units. No time is measured here.
//!
//! Clients, dispatchers and workers count their own requests. AWS's requests to SQS for a mapping, and its invocation
//! of the function, are counted here, by the size of the event.

use std::time::Duration;

use anyhow::{Result, ensure};
use aws_tests::with_credentials;
use celeriac::aws::Bill;
use measure::{payload, print};

use crate::{
    deployed::{Deployed, Road},
    load::{flaky, lone, packed},
};

const MILLION: u64 = 1_000_000;

/// The memory of a worker's function with a whole processor, in GB, and of a small one that only waits.
const WORKER_GB: f64 = 1769.0 / 1024.0;
const SMALL_GB: f64 = 128.0 / 1024.0;

/// How many lone calls are made. The cost of each does not depend on it.
const LONE: u64 = 500;

/// Prints the bill for a million calls, without retries and with one in twenty retried, and for lone calls.
pub(crate) fn bill() -> Result<()> {
    with_credentials();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let well = fan_out(false).await?;
        let figure = "1,000,000 calls packed, billed";
        print(figure, well.units(), "requests and units", "at most 15,000", well.units() / 15_000.0);
        print(figure, well.dollars(), "$ at 1 ms a call", "at most $0.03", well.dollars() / 0.03);
        // kombu's transport: one message a call, measured by its requests.
        let celery = MILLION as f64 * 2.78 * 0.4e-6;
        print(
            figure,
            well.dollars(),
            "$ at 1 ms a call",
            "Celery on SQS: 2.78 requests a call",
            celery / well.dollars(),
        );
        let tried = fan_out(true).await?;
        let figure = "1,000,000 calls packed, 5 % tried again, billed";
        print(figure, tried.units(), "requests and units", "at most 1.3 × 15,000", tried.units() / 19_500.0);
        print(figure, tried.dollars(), "$ at 1 ms a call", "at most 1.3 × $0.03", tried.dollars() / 0.039);
        eprintln!("{well}\n\nwith 5 % tried again: {tried}\n");
        let mut narrow = None;
        for (road, name) in [(Road::Narrow, "narrow"), (Road::Wide, "wide")] {
            let bill = alone(road).await?;
            let figure = format!("1,000,000 lone delays on the {name} road, billed");
            let million = bill.dollars() * MILLION as f64 / LONE as f64;
            let without = without_guard(&bill) * MILLION as f64 / LONE as f64;
            match narrow {
                None => print(&figure, million, "$ at 1 ms a call", "at most $2", million / 2.0),
                Some(narrow) => print(&figure, million, "$ at 1 ms a call", "the narrow road", million / narrow),
            }
            let against = format!("with the ledger's guard: ${million:.2}");
            print(&format!("{figure}, without the ledger"), without, "$ at 1 ms a call", &against, without / million);
            narrow.get_or_insert(million);
            eprintln!("{name} road: {bill}\n");
        }
        Ok(())
    })
}

async fn fan_out(with_failures: bool) -> Result<Bill> {
    let stack = Deployed::new(Road::Wide).await?;
    let payloads = (0..MILLION).map(|n| payload(n, 100));
    let id = if with_failures {
        flaky.fan_out(payloads).on(&stack.client).await?.id()
    } else {
        packed.fan_out(payloads).on(&stack.client).await?.id()
    };
    let progress = stack.watcher.batch::<()>(id).await?.wait(Duration::from_mins(5)).await?;
    ensure!(progress.succeeded == MILLION, "{progress:?}");
    let wanted = if with_failures { MILLION / 20 } else { 0 };
    ensure!(progress.retries.abs_diff(wanted) < MILLION / 200, "{} were tried again", progress.retries);
    Ok(stack.bill(MILLION, MILLION + progress.retries, WORKER_GB))
}

async fn alone(road: Road) -> Result<Bill> {
    let stack = Deployed::new(road).await?;
    let mut calls = Vec::new();
    for n in 0..LONE {
        calls.push(lone.apply(payload(n, 100)).on(&stack.client).send().await?.id());
    }
    for call in calls {
        while !stack.watcher.status(call).await?.is_final() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(stack.bill(LONE, LONE, SMALL_GB))
}

/// Requests that skip the ledger, which keeps calls from running twice.
fn without_guard(bill: &Bill) -> f64 {
    bill.lines.iter().filter(|line| line.service != "DynamoDB").map(|line| line.dollars).sum()
}
