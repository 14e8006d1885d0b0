//! Estimates a plan's time and price on AWS before anything is sent, and names the limit that binds.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;

use super::{
    Bill, DISPATCHER_MB, Settings, WORKER_MB,
    meter::{Operation, Usage},
    text,
};
use celeriac_core::planner::Plan;

/// From a call's acceptance to its start: one send, one receive, one Invoke, as measured by `benches/fan_out`.
const LAUNCH: Duration = Duration::from_millis(250);

/// How many more environments of a function Lambda starts in each [`SCALING`].
const SCALING_STEP: u64 = 1000;
const SCALING: Duration = Duration::from_secs(10);

/// The concurrency to which a new account is raised, unless it asks for more. All its functions share it.
const ACCOUNT: u64 = 1000;

/// The size that SQS bills as one request.
const BILLED_BYTES: u64 = 64 << 10;

/// About how long a dispatcher's function takes for ten messages: it waits for one round of Invokes.
const DISPATCH: Duration = Duration::from_millis(150);

/// The expected time and price of a plan on AWS.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    /// The most functions at a time.
    pub workers: u64,
    /// The most calls at a time: the load on a mail server, for example.
    pub peak_calls: u64,
    /// The time from the first call's acceptance to the last call's end.
    pub time_ms: u64,
    /// The limit that decides the time.
    pub limit: Limit,
    /// The price. It leaves out retries and the tasks' own use of services.
    pub bill: Bill,
}

/// The limit that keeps a plan from finishing sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Limit {
    /// There are no more invocations to run in parallel.
    Invocations,
    /// The cap on outstanding invocations.
    Cap,
    /// The concurrency of the account.
    Account,
    /// How fast Lambda starts environments.
    Scaling,
}

impl Estimate {
    /// The estimate for this plan on this stack.
    pub fn new(plan: &Plan, settings: &Settings) -> Self {
        let cap = settings.cap as u64;
        let workers = plan.invocations.min(cap).min(ACCOUNT);
        let work = plan.time(workers);
        let scaled =
            SCALING.saturating_mul(u32::try_from(workers.saturating_sub(1) / SCALING_STEP).unwrap_or(u32::MAX));
        let limit = if scaled > work {
            Limit::Scaling
        } else if workers == plan.invocations {
            Limit::Invocations
        } else if workers == cap {
            Limit::Cap
        } else {
            Limit::Account
        };
        let time = if plan.calls == 0 { Duration::ZERO } else { LAUNCH + work.max(scaled) };
        Self { workers, peak_calls: plan.peak(workers), time_ms: time.as_millis() as u64, limit, bill: bill(plan) }
    }
}

/// The cost of sending, launching, claiming and finishing a plan's parcels.
fn bill(plan: &Plan) -> Bill {
    let parcels = plan.parcels;
    let batches = parcels.div_ceil(10);
    let text_bytes = text::length(plan.sent_bytes as usize) as u64;
    let by_bytes = text_bytes.div_ceil(BILLED_BYTES);
    let rows: [(&'static str, &'static str, u64, u64); 9] = [
        ("SQS", "SendMessageBatch", batches, by_bytes.max(batches)),
        ("SQS", "ReceiveMessage", batches, by_bytes.max(batches)),
        ("SQS", "ChangeMessageVisibilityBatch", batches, batches),
        ("SQS", "DeleteMessageBatch", parcels, parcels),
        // The mapping invokes the dispatcher, which invokes workers.
        ("Lambda", "Invoke", batches + plan.invocations, batches + plan.invocations),
        // The claim, and the pointer that leads from a call to its parcel.
        ("DynamoDB", "UpdateItem", parcels, parcels),
        ("DynamoDB", "BatchWriteItem", parcels, parcels),
        // Finishing a parcel also changes its batch's counters, and a transaction doubles the price of both.
        ("DynamoDB", "TransactWriteItems", parcels, 4 * parcels),
        ("DynamoDB", "GetItem", parcels, parcels),
    ];
    let usage: BTreeMap<Operation, Usage> = rows
        .into_iter()
        .filter(|(_, _, requests, _)| *requests > 0)
        .map(|(service, operation, requests, units)| {
            ((service.into(), operation.into()), Usage { requests, units: units as f64, ..Usage::default() })
        })
        .collect();
    let work_s = plan.time(1).as_secs_f64();
    let gb_s = work_s * f64::from(plan.memory_mb.unwrap_or(WORKER_MB)) / 1024.0
        + batches as f64 * DISPATCH.as_secs_f64() * f64::from(DISPATCHER_MB) / 1024.0;
    Bill::new(&usage, plan.calls).with_compute(batches + plan.invocations, gb_s)
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invocations => {
                "the number of invocations: smaller parcels would spread it wider (the task's `takes`)"
            }
            Self::Cap => "the cap on outstanding invocations (CELERIAC_CAP, `cap` in the deployment's settings)",
            Self::Account => "the account's concurrency, 1,000 unless AWS has raised it",
            Self::Scaling => "how fast Lambda starts environments: 1,000 every ten seconds",
        })
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workers, peak_calls, time_ms, limit, bill } = self;
        let time = Duration::from_millis(*time_ms);
        writeln!(f, "on AWS")?;
        writeln!(f, "  at a time    {workers} workers, {peak_calls} calls")?;
        writeln!(f, "  time         about {time:?}; limited by {limit}")?;
        write!(f, "  price        about ${:.4}, ${:.6} per 1,000 calls\n{bill}", bill.dollars(), {
            bill.dollars() * 1000.0 / bill.calls.max(1) as f64
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use celeriac_core::{planner::PROFILE, task::Options};

    fn plan(parcels: u64) -> Plan {
        let options = Options::new().takes("200ms").concurrency(50);
        let mut plan = Plan::new("mail.send", &options, PROFILE);
        (0..parcels).for_each(|_| plan.add(500, 50_000, 20_000));
        plan
    }

    fn estimate(parcels: u64, cap: usize) -> Estimate {
        let settings = Settings { cap, ..Settings::new("shop".parse().expect("a stack's name")) };
        Estimate::new(&plan(parcels), &settings)
    }

    #[test]
    fn the_limit_that_binds_is_named() {
        assert_eq!(estimate(20, 100).limit, Limit::Invocations);
        assert_eq!(estimate(200, 100).limit, Limit::Cap);
        assert_eq!(estimate(5000, 2000).limit, Limit::Account);
        assert_eq!(estimate(0, 100).time_ms, 0);
    }

    #[test]
    fn time_and_peak_follow_from_the_workers() {
        let estimate = estimate(200, 100);
        assert_eq!((estimate.workers, estimate.peak_calls, estimate.time_ms), (100, 5000, 4250));
    }

    #[test]
    fn an_estimate_reads_well() {
        let text = estimate(20, 100).to_string();
        assert!(
            text.starts_with("on AWS\n  at a time    20 workers, 1000 calls\n  time         about 2.25s; "),
            "{text}"
        );
        assert!(text.contains("\ncost of 10000 calls, prices of November 2026 (us-east-1)\n"), "{text}");
    }
}
