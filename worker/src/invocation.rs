//! One invocation: its parcels are opened, claimed, run and settled.

use std::{panic::AssertUnwindSafe, sync::Arc};

use celeriac_core::{
    id::ParcelId,
    panics::Panic,
    parcel::Parcel,
    ports::{
        Checkpoint, Claim, ClaimRequest, Claimed, Delivery, Finish, Invocation, PortError, Reason, Settle, Settling,
    },
    protocol::{self, put_aside},
    task::TaskDef,
};
use futures::{FutureExt as _, future::join_all};

use crate::{
    Summary, Worker, WorkerError,
    claim::{ClaimLost, Lease, OwnParcel, keep_new_letters, ledger_down, refusal, refuse, unknown_task},
    execution::{MAX_GIVEN_UP, ParcelRun, ToSettle},
    outcome::{pause_ms, plan_children},
};

/// How many parents a parcel may have: a task's retries are at most 1,000, the rest is for snoozes and for work
/// that is handed on at a deadline.
pub(crate) const MAX_HOPS: u32 = 5000;

/// The longest pause between attempts to settle.
const MAX_SETTLE_PAUSE_MS: u64 = 5000;

/// A delivery whose parcel is to be claimed.
struct Opened {
    delivery: Delivery,
    parcel: Parcel,
    own: OwnParcel,
    /// `None` when the program does not have the task and has waited long enough for it.
    def: Option<&'static TaskDef>,
}

/// What holds for all parcels of a run.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// Who runs them, for people to read.
    pub(crate) holder: Arc<str>,
    /// When the platform ends the run, in milliseconds since 1970.
    pub(crate) deadline_ms: Option<u64>,
}

/// Runs every delivery to its settlement.
pub(crate) async fn run(worker: &Worker, invocation: Invocation, terms: &Terms) -> Summary {
    let deliveries = invocation.deliveries.len();
    let opened = open(worker, invocation.deliveries).await;
    let mut summary = Summary { aside: (deliveries - opened.len()) as u64, ..Summary::default() };
    let lease = Lease::new(worker.ports().clock.now_ms(), worker.ports().profile.lease_ms, terms.deadline_ms);
    let claims = claim(worker, &opened, lease, &terms.holder).await;
    let ran = opened.into_iter().zip(claims).map(|(opened, claim)| contain_panic(worker, opened, claim, lease, terms));
    join_all(ran).await.into_iter().for_each(|one| summary += one);
    summary
}

/// Opens the parcels. Those that cannot be read are buried, those that cannot be run yet or run already are put back.
async fn open(worker: &Worker, deliveries: Vec<Delivery>) -> Vec<Opened> {
    let (now_ms, lease_ms) = (worker.ports().clock.now_ms(), worker.ports().profile.lease_ms);
    let (mut opened, mut aside) = (Vec::with_capacity(deliveries.len()), Vec::new());
    for delivery in deliveries {
        match open_one(worker, &delivery, now_ms) {
            Ok((parcel, def)) => match worker.own_parcels().take(parcel.header.id) {
                Some(own) => opened.push(Opened { delivery, parcel, own, def }),
                // Whoever has it deletes another delivery of its message; this one then finds it finished.
                None => aside.push(delivery.hidden(now_ms + lease_ms)),
            },
            Err(settle) => aside.push(delivery.settled(settle)),
        }
    }
    put_aside(worker.ports(), aside).await;
    opened
}

fn open_one(worker: &Worker, delivery: &Delivery, now_ms: u64) -> Result<(Parcel, Option<&'static TaskDef>), Settle> {
    if worker.is_stopping() || worker.threads().given_up() > MAX_GIVEN_UP {
        if !worker.is_stopping() {
            tracing::error!(
                blocked = worker.threads().given_up(),
                "too many calls block their threads for ever: restart this process"
            );
        }
        return Err(ledger_down(delivery.receives, now_ms));
    }
    let parcel = Parcel::open(&delivery.body).map_err(|error| {
        let reason = WorkerError::from(error).to_string();
        tracing::error!(queue = %delivery.queue, "{reason}; it is buried");
        Settle::Bury { reason, body: delivery.body.clone() }
    })?;
    let header = &parcel.header;
    let def = worker.registry().get(&header.task);
    if def.is_none()
        && let Some(settle) = unknown_task(header, delivery.receives, now_ms, worker.unknown_task_grace())
    {
        tracing::warn!(parcel = %header.id, task = header.task, "no such task in this program; putting its parcel back for a while");
        return Err(settle);
    }
    Ok((parcel, def))
}

/// Asks for all of them at once. Those that are too old to run are claimed all the same, to be refused: their calls end
/// as dead letters, and their batches end.
async fn claim(worker: &Worker, opened: &[Opened], lease: Lease, holder: &Arc<str>) -> Vec<Result<Claim, PortError>> {
    if opened.is_empty() {
        return Vec::new();
    }
    if let Err(error) = protocol::remove_revived(worker.ports(), opened.iter().map(|opened| &opened.parcel)).await {
        tracing::warn!(%error, "whether calls that are sent again are still dead letters is not known");
        return vec![Err(error); opened.len()];
    }
    let now_ms = worker.ports().clock.now_ms();
    let mut requests: Vec<_> = opened.iter().map(|opened| request(holder, &opened.parcel, lease, now_ms)).collect();
    let mut claims = worker.ports().ledger.claim(requests.clone()).await;
    let old: Vec<usize> = (0..claims.len()).filter(|at| matches!(claims[*at], Ok(Claim::TooOld))).collect();
    if !old.is_empty() {
        for request in &mut requests {
            request.not_after_ms = now_ms;
        }
        let again = worker.ports().ledger.claim(old.iter().map(|at| requests[*at].clone()).collect()).await;
        old.into_iter().zip(again).for_each(|(at, claim)| claims[at] = claim);
    }
    claims
}

fn request(holder: &Arc<str>, parcel: &Parcel, lease: Lease, now_ms: u64) -> ClaimRequest {
    let header = &parcel.header;
    ClaimRequest {
        parcel: header.id,
        batch: header.batch,
        recorded: header.recorded,
        task: header.task.as_str().into(),
        first: header.first,
        count: header.count,
        holder: Arc::clone(holder),
        now_ms,
        lease_until_ms: lease.until_ms(),
        not_after_ms: header.not_after_ms,
    }
}

/// The same as [`follow`]. If that panics, which is a fault of the worker or of its backend, the parcel is given up
/// at once and delivered again after a while: its neighbours go on, and nobody waits for its lease.
async fn contain_panic(
    worker: &Worker,
    opened: Opened,
    claim: Result<Claim, PortError>,
    lease: Lease,
    terms: &Terms,
) -> Summary {
    let (delivery, parcel, task) =
        (opened.delivery.clone(), opened.parcel.header.id, opened.parcel.header.task.clone());
    let claimed = match &claim {
        Ok(Claim::Claimed(claimed)) => Some(claimed.epoch),
        _ => None,
    };
    let panic = match AssertUnwindSafe(follow(worker, opened, claim, lease, terms)).catch_unwind().await {
        Ok(summary) => return summary,
        Err(payload) => Panic::of(payload),
    };
    let now_ms = worker.ports().clock.now_ms();
    tracing::error!(%parcel, task, "the run of a parcel {panic}; its message is delivered again");
    if let Some(epoch) = claimed {
        // The next to claim it finds a holder that died, and is careful.
        let end = Checkpoint { parcel, epoch, record: None, lease_until_ms: now_ms, window: None };
        if let Some(Err(error)) = worker.ports().ledger.checkpoint(vec![end]).await.pop() {
            tracing::warn!(%parcel, %error, "its lease cannot be ended and ends by itself");
        }
    }
    put_aside(worker.ports(), vec![delivery.settled(ledger_down(delivery.receives, now_ms))]).await;
    Summary { unsettled: 1, ..Summary::default() }
}

/// Does what the answer to the claim asks for.
async fn follow(
    worker: &Worker,
    opened: Opened,
    claim: Result<Claim, PortError>,
    lease: Lease,
    terms: &Terms,
) -> Summary {
    let Opened { delivery, parcel, own: _own, def } = opened;
    let now_ms = worker.ports().clock.now_ms();
    let delete = delivery.deleted();
    let (id, task) = (parcel.header.id, parcel.header.task.clone());
    let done = match claim {
        Ok(Claim::Claimed(claimed)) => return run_claimed(worker, &delivery, parcel, def, claimed, lease, terms).await,
        Ok(Claim::Busy { until_ms }) => {
            put_aside(worker.ports(), vec![delivery.hidden(until_ms.max(now_ms + 1))]).await;
            return Summary::aside();
        }
        Ok(Claim::TooOld) => {
            let what = format!("parcel {id} is too old for the ledger, whatever it is asked");
            Err(PortError::Unavailable { what, source: None })
        }
        Ok(Claim::Sealed { epoch, seal }) => {
            let finish = Finish { parcel: id, epoch, record: None };
            protocol::finish_sealed(worker.ports(), finish, parcel.children(&seal), delete).await
        }
        Ok(Claim::Finished { owed }) => protocol::finished(worker.ports(), owed, delete).await,
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        tracing::warn!(parcel = %id, task, %error, "cannot be claimed or finished; putting it back for a while");
        let hide = delivery.settled(ledger_down(delivery.receives, now_ms));
        put_aside(worker.ports(), vec![hide]).await;
    }
    Summary::aside()
}

/// A claimed parcel: its calls are run, then it is settled.
async fn run_claimed(
    worker: &Worker,
    delivery: &Delivery,
    parcel: Parcel,
    def: Option<&'static TaskDef>,
    claimed: Claimed,
    lease: Lease,
    terms: &Terms,
) -> Summary {
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
            let to_settle = run.to_its_end().await;
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
    let Ok(to_settle) = to_settle else { return Summary { unsettled: 1, ..summary } };
    let tally = to_settle.tally;
    let summary = Summary { handed_on: to_settle.handed_on.len() as u64, ..summary }.judged(&claimed.tally, &tally);
    let settled = settle(worker, delivery, &parcel, claimed.epoch, to_settle).await;
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
        took_ms = clock.monotonic_us().saturating_sub(began_us) / 1000,
        "ran a parcel"
    );
    Summary { unsettled: u64::from(settled.is_err()), ..summary }
}

/// Records, seals, sends, finishes and deletes (rule 4); again while the backend cannot, until somebody else has the
/// parcel: what has run and is not recorded would run again. Answers how many children there were.
async fn settle(
    worker: &Worker,
    delivery: &Delivery,
    parcel: &Parcel,
    epoch: u64,
    to_settle: ToSettle,
) -> Result<usize, ClaimLost> {
    let clock = &worker.ports().clock;
    let seal = plan_children(to_settle.handed_on, clock.now_ms(), worker.ports().profile.gather_ms);
    let mut settling = Settling {
        parcel: parcel.header.id,
        epoch,
        record: to_settle.record,
        children: parcel.children(&seal),
        seal,
        queue: Arc::clone(&delivery.queue),
        receipt: delivery.receipt.clone(),
    };
    let children = settling.children.len();
    let mut unsure = to_settle.unsure;
    for failures in 1.. {
        let settled = async {
            if unsure {
                let renewal = renewal(settling.parcel, epoch, to_settle.lease, clock.now_ms());
                keep_new_letters(&*worker.ports().ledger, renewal, &mut settling.record).await?;
                unsure = false;
            }
            protocol::settle(worker.ports(), settling.clone()).await
        };
        let error = match settled.await {
            Ok(()) => return Ok(children),
            Err(error) => error,
        };
        let (parcel, task) = (parcel.header.id, &parcel.header.task);
        if let PortError::Gone { .. } = error {
            // Why is said by whoever receives: once, and not for each parcel.
            tracing::error!(%parcel, task, epoch, "how its calls ended is not recorded: the store is gone");
            return Err(ClaimLost);
        }
        let passes = matches!(error, PortError::Unavailable { .. } | PortError::Unknown { .. });
        let pause_ms = pause_ms(failures, MAX_SETTLE_PAUSE_MS);
        if !passes || worker.has_stopped() || to_settle.lease.is_over(clock.now_ms() + pause_ms) {
            tracing::error!(%parcel, task, epoch, %error, "cannot settle; its message will be delivered again");
            return Err(ClaimLost);
        }
        tracing::warn!(%parcel, task, %error, pause_ms, "cannot settle; trying again");
        renew(worker, delivery, parcel, epoch, to_settle.lease).await;
        clock.sleep(std::time::Duration::from_millis(pause_ms)).await;
    }
    Err(ClaimLost)
}

/// Keeps others from running what cannot be settled: a full disk may have room for a renewal and for nothing else.
async fn renew(worker: &Worker, delivery: &Delivery, parcel: ParcelId, epoch: u64, lease: Lease) {
    let checkpoint = renewal(parcel, epoch, lease, worker.ports().clock.now_ms());
    let hide = put_aside(worker.ports(), vec![delivery.hidden(checkpoint.lease_until_ms)]);
    // If that fails, so does the next attempt to settle, or the parcel is still ours.
    let (_, ()) = futures::join!(worker.ports().ledger.checkpoint(vec![checkpoint]), hide);
}

fn renewal(parcel: ParcelId, epoch: u64, lease: Lease, now_ms: u64) -> Checkpoint {
    Checkpoint { parcel, epoch, record: None, lease_until_ms: lease.renewed(now_ms), window: None }
}
