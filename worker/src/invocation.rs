//! One invocation: its parcels are opened, claimed, run and settled.

use std::{panic::AssertUnwindSafe, sync::Arc};

use celeriac_core::{
    panics::Panic,
    parcel::Parcel,
    ports::{Checkpoint, Claim, Claimed, Delivery, Invocation, PortError, Reason, Settle},
    protocol::{self, put_aside},
    task::TaskDef,
    wire::WireError,
};
use futures::{FutureExt as _, future::join_all};

use crate::{
    Report, Settled, Summary, Worker, WorkerError,
    claim::{Lease, OwnParcel, follow_claim, put_back, put_back_unknown_task, refusal, refuse, request_claims},
    execution::{MAX_GIVEN_UP, ParcelRun},
    settlement::settle,
};

/// How many ancestors a parcel may have. A task has at most 1,000 retries. The rest is for snoozes and for calls that
/// are handed on at a deadline.
pub(crate) const MAX_HOPS: u32 = 5000;

/// A delivery whose parcel is to be claimed.
struct Opened {
    delivery: Delivery,
    parcel: Parcel,
    own: OwnParcel,
    /// `None` if the program does not have the task, and the parcel has waited long enough for it.
    def: Option<&'static TaskDef>,
}

/// The terms of all parcels of an invocation.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// The name of the worker that runs them, for people to read.
    pub(crate) holder: Arc<str>,
    /// When the platform ends the invocation, in milliseconds since 1970.
    pub(crate) deadline_ms: Option<u64>,
}

/// Runs every delivery until it is settled.
pub(crate) async fn run(worker: &Worker, invocation: Invocation, terms: &Terms) -> Report {
    let deliveries = invocation.deliveries.len();
    let opened = open(worker, invocation.deliveries).await;
    let aside = (deliveries - opened.len()) as u64;
    let mut report = Report::from(Summary { aside, ..Summary::default() });
    let lease = Lease::new(worker.ports().clock.now_ms(), worker.ports().profile.lease_ms, terms.deadline_ms);
    let parcels: Vec<&Parcel> = opened.iter().map(|opened| &opened.parcel).collect();
    let claims = request_claims(worker, &parcels, lease, &terms.holder).await;
    let ran = opened.into_iter().zip(claims).map(|(opened, claim)| run_guarded(worker, opened, claim, lease, terms));
    join_all(ran).await.into_iter().for_each(|one| report += one);
    report
}

/// Opens the parcels. Unreadable parcels are buried. Parcels that cannot run yet, that only a newer program can read, or
/// that run here already, are put back.
async fn open(worker: &Worker, deliveries: Vec<Delivery>) -> Vec<Opened> {
    let (now_ms, lease_ms) = (worker.ports().clock.now_ms(), worker.ports().profile.lease_ms);
    let (mut opened, mut aside) = (Vec::with_capacity(deliveries.len()), Vec::new());
    for delivery in deliveries {
        match open_one(worker, &delivery, now_ms) {
            Ok((parcel, def)) => match worker.own_parcels().take(parcel.header.id) {
                Some(own) => opened.push(Opened { delivery, parcel, own, def }),
                // The run that has the parcel deletes its own delivery of the message. This delivery later finds the
                // parcel finished.
                None => aside.push(delivery.hidden(now_ms + lease_ms)),
            },
            Err(settle) => aside.push(delivery.settled(settle)),
        }
    }
    put_aside(worker.ports(), aside).await;
    opened
}

fn open_one(worker: &Worker, delivery: &Delivery, now_ms: u64) -> Result<(Parcel, Option<&'static TaskDef>), Settle> {
    if worker.is_stopping() || worker.blocked_threads() > MAX_GIVEN_UP {
        if !worker.is_stopping() {
            tracing::error!(
                blocked = worker.blocked_threads(),
                "too many calls block their threads for ever: restart this process"
            );
        }
        return Err(put_back(delivery.receives, now_ms));
    }
    let parcel = Parcel::open(&delivery.body).map_err(|error| match error {
        WireError::Newer { .. } => {
            tracing::warn!(queue = %delivery.queue, receives = delivery.receives, "{error}");
            protocol::put_back_newer(delivery.receives, now_ms)
        }
        error => {
            let reason = WorkerError::from(error).to_string();
            tracing::error!(queue = %delivery.queue, "{reason}; it is buried");
            Settle::Bury { reason, body: delivery.body.clone() }
        }
    })?;
    let header = &parcel.header;
    let def = worker.registry().get(&header.task);
    if def.is_none()
        && let Some(settle) = put_back_unknown_task(header, delivery.receives, now_ms, worker.unknown_task_grace())
    {
        tracing::warn!(parcel = %header.id, task = header.task, "no such task in this program; putting its parcel back for a while");
        return Err(settle);
    }
    Ok((parcel, def))
}

/// The same as [`run_one`], behind a guard. A panic is a fault of the worker or of its backend. It gives the parcel up
/// at once, and the message is delivered again after a while. The other parcels go on, and the lease need not expire
/// first.
async fn run_guarded(
    worker: &Worker,
    opened: Opened,
    claim: Result<Claim, PortError>,
    lease: Lease,
    terms: &Terms,
) -> Report {
    let (delivery, parcel, task) =
        (opened.delivery.clone(), opened.parcel.header.id, opened.parcel.header.task.clone());
    let claimed = match &claim {
        Ok(Claim::Claimed(claimed)) => Some(claimed.epoch),
        _ => None,
    };
    let panic = match AssertUnwindSafe(run_one(worker, opened, claim, lease, terms)).catch_unwind().await {
        Ok(report) => return report,
        Err(payload) => Panic::of(payload),
    };
    let now_ms = worker.ports().clock.now_ms();
    tracing::error!(%parcel, task, "the run of a parcel {panic}; its message is delivered again");
    if let Some(epoch) = claimed {
        // The next claim finds that the holder died, and its run is careful.
        let end = Checkpoint { parcel, epoch, record: None, lease_until_ms: now_ms, window: None };
        if let Some(Err(error)) = worker.ports().ledger.checkpoint(vec![end]).await.pop() {
            tracing::warn!(%parcel, %error, "cannot end its lease early; it ends by itself");
        }
    }
    put_aside(worker.ports(), vec![delivery.settled(put_back(delivery.receives, now_ms))]).await;
    Summary { unsettled: 1, ..Summary::default() }.into()
}

/// Follows the answer to the claim, and runs the parcel if it is claimed.
async fn run_one(
    worker: &Worker,
    opened: Opened,
    claim: Result<Claim, PortError>,
    lease: Lease,
    terms: &Terms,
) -> Report {
    let Opened { delivery, parcel, own: _own, def } = opened;
    match follow_claim(worker, &delivery, &parcel, claim).await {
        Some(claimed) => run_claimed(worker, &delivery, parcel, def, claimed, lease, terms).await,
        None => Summary::aside().into(),
    }
}

/// Runs the calls of a claimed parcel, then settles it.
async fn run_claimed(
    worker: &Worker,
    delivery: &Delivery,
    parcel: Parcel,
    def: Option<&'static TaskDef>,
    claimed: Claimed,
    lease: Lease,
    terms: &Terms,
) -> Report {
    let clock = &worker.ports().clock;
    let began_us = clock.monotonic_us();
    let now_ms = clock.now_ms();
    let why = if def.is_some() {
        refusal(&parcel.header, &claimed, now_ms)
    } else {
        let waited = worker.unknown_task_grace();
        Some((Reason::Failed, WorkerError::UnknownTask { task: parcel.header.task.clone(), waited }))
    };
    let (parcel, to_settle) = match (def, why) {
        (Some(def), None) => {
            let state = worker.run_state(parcel, def, terms.deadline_ms);
            let run = ParcelRun::new(worker, &terms.holder, delivery, Arc::clone(&state), &claimed, lease);
            let to_settle = run.run_calls().await;
            (state.parcel.clone(), to_settle)
        }
        (_, why) => {
            let why = why.expect("a parcel without a task was refused above");
            tracing::warn!(parcel = %parcel.header.id, task = parcel.header.task, "not run: {}", why.1);
            let to_settle = refuse(&parcel, &claimed, &why, lease, now_ms);
            (parcel, Ok(to_settle))
        }
    };
    let header = &parcel.header;
    let summary = Summary::claimed(&claimed, header.count);
    let Ok(to_settle) = to_settle else { return Summary { unsettled: 1, ..summary }.into() };
    let tally = to_settle.tally;
    let summary = Summary { handed_on: to_settle.handed_on.len() as u64, ..summary }.judged(&claimed.tally, &tally);
    let settled = settle(worker, delivery, &parcel, claimed.epoch, to_settle).await;
    let took_ms = clock.monotonic_us().saturating_sub(began_us) / 1000;
    tracing::debug!(
        parcel = %header.id,
        task = header.task,
        batch = %header.batch,
        calls = header.count,
        attempt = header.attempt,
        epoch = claimed.epoch,
        succeeded = tally.succeeded,
        dead = tally.dead(),
        retries = tally.retries,
        children = settled.as_ref().map_or(0, |children| *children),
        settled = settled.is_ok(),
        took_ms,
        "ran a parcel"
    );
    if settled.is_err() {
        return Summary { unsettled: 1, ..summary }.into();
    }
    let waited_ms = now_ms.saturating_sub(header.due_ms.max(header.created_ms));
    let settled = Settled { task: header.task.clone(), summary, waited_ms, took_ms };
    Report { summary, settled: vec![settled] }
}
