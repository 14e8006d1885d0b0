//! Handles dead invocations of workers. Lambda reports them with their payloads. Their leases are ended and their
//! messages shown again at once, which would otherwise take minutes.
//!
//! An invocation that died before it had claimed anything is another matter: its set-up fails, or the function may not
//! run at all. Then every launch would be reported within seconds, so its messages are shown later each time, and the
//! brake counts it.

use celeriac_aws::{Attempt, Brake, Payload, is_holder};
use celeriac_core::{
    backoff::doubled_ms,
    ports::{Checkpoint, Delivery, PortError, Ports, Row, RowState},
    protocol::put_aside,
    wire::Header,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use celeriac_core::ports::Launcher;

/// How long a message is hidden that no worker has claimed: doubled with each receive, between these.
const UNCLAIMED_MS: u64 = 1_000;
const UNCLAIMED_MOST_MS: u64 = 15 * 60_000;

/// Lambda's report of a failed invocation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure<'a> {
    #[serde(borrow)]
    request_context: RequestContext<'a>,
    #[serde(borrow)]
    request_payload: &'a RawValue,
    response_payload: Option<ResponsePayload>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: &'a str,
    /// `RetriesExhausted`, or `EventAgeExceeded` for an invocation that never began. Events of a function with a reserved
    /// concurrency of 0 are reported without being tried (Lambda's guide, "Configuring reserved concurrency").
    condition: &'a str,
}

/// The function's answer, if there was one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponsePayload {
    error_message: Option<String>,
}

/// Handles a report of a failed invocation.
pub(super) async fn take(ports: &Ports, launcher: &dyn Launcher, brake: &Brake, text: &str) -> Result<(), PortError> {
    let failure: Failure<'_> = match serde_json::from_str(text) {
        Ok(failure) => failure,
        Err(error) => {
            tracing::error!(%error, "deleting a message of the failures queue that reports no failed invocation");
            return Ok(());
        }
    };
    let RequestContext { request_id, function_arn, condition } = failure.request_context;
    let payload = match Payload::decode(failure.request_payload.get()) {
        Ok(payload) => payload,
        Err(error) => {
            tracing::warn!(
                request_id,
                function_arn,
                condition,
                "a worker was invoked by someone else, and failed: {error}"
            );
            return Ok(());
        }
    };
    let why = failure.response_payload.and_then(|response| response.error_message);
    let Released { shown, claimed } = release(ports, &payload.deliveries, request_id).await?;
    if let Some(minute) = payload.minute {
        launcher.release(minute, payload.shard).await;
    }
    if !claimed && let Some(function) = function_of(function_arn) {
        let attempt = if payload.probe { Attempt::Probe } else { Attempt::Usual };
        if let Err(error) = brake.failed(function, attempt).await {
            tracing::warn!(%error, function, "it is not counted that a worker failed before it began");
        }
    }
    let parcels = payload.deliveries.len();
    tracing::error!(
        request_id,
        function_arn,
        condition,
        parcels,
        shown,
        claimed,
        why = why.as_deref().unwrap_or("it says nothing"),
        "an invocation of a worker died; its parcels go on elsewhere"
    );
    Ok(())
}

/// What became of the parcels of a dead invocation.
struct Released {
    /// How many messages are shown again, now or a little later.
    shown: usize,
    /// Whether it had claimed any of its parcels, or another worker has finished one since.
    claimed: bool,
}

/// Ends the leases that this request still holds, and shows the messages that no worker has.
async fn release(ports: &Ports, deliveries: &[Delivery], request: &str) -> Result<Released, PortError> {
    let readable: Vec<_> =
        deliveries.iter().filter_map(|delivery| Some((delivery, Header::peek(&delivery.body).ok()?.id))).collect();
    let rows = ports.ledger.rows(readable.iter().map(|(_, parcel)| *parcel).collect()).await?;
    let now_ms = ports.clock.now_ms();
    let (mut free, mut held, mut claimed) = (Vec::new(), Vec::new(), false);
    for ((delivery, _), row) in readable.into_iter().zip(rows) {
        match row {
            Some(row) if row.state == RowState::Open => {
                if is_holder(&row.holder, request) {
                    held.push((delivery, end(&row, now_ms)));
                    claimed = true;
                }
            }
            // All but its end is done.
            Some(_) => {
                free.push(delivery.hidden(now_ms));
                claimed = true;
            }
            None => {
                let pause_ms = doubled_ms(UNCLAIMED_MS, delivery.receives, UNCLAIMED_MOST_MS);
                free.push(delivery.hidden(now_ms + pause_ms));
            }
        }
    }
    let (held, ends): (Vec<_>, Vec<_>) = held.into_iter().unzip();
    if !ends.is_empty() {
        for (delivery, ended) in held.into_iter().zip(ports.ledger.checkpoint(ends).await) {
            match ended {
                Ok(()) => free.push(delivery.hidden(now_ms)),
                // Another worker has it by now.
                Err(PortError::Fenced) => {}
                Err(error) => return Err(error),
            }
        }
    }
    let shown = free.len();
    put_aside(ports, free).await;
    Ok(Released { shown, claimed })
}

/// The name in a function's ARN, `arn:aws:lambda:REGION:ACCOUNT:function:NAME:$LATEST`.
fn function_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(6)
}

fn end(row: &Row, now_ms: u64) -> Checkpoint {
    Checkpoint { parcel: row.parcel, epoch: row.epoch, record: None, lease_until_ms: now_ms, window: None }
}
