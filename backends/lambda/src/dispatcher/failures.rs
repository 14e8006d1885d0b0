//! Handles dead invocations of workers. Lambda reports them with their payloads. Their leases are ended and their
//! messages shown again at once, which would otherwise take minutes.

use celeriac_aws::{Payload, is_holder};
use celeriac_core::{
    ports::{Checkpoint, Delivery, PortError, Ports, Row, RowState},
    protocol::put_aside,
    wire::Header,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use celeriac_core::ports::Launcher;

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
    /// `RetriesExhausted`, or `EventAgeExceeded` for an invocation that never began.
    condition: &'a str,
}

/// The function's answer, if there was one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponsePayload {
    error_message: Option<String>,
}

/// Handles a report of a failed invocation.
pub(super) async fn take(ports: &Ports, launcher: &dyn Launcher, text: &str) -> Result<(), PortError> {
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
    let shown = release(ports, &payload.deliveries, request_id).await?;
    if let Some(minute) = payload.minute {
        launcher.release(minute).await;
    }
    let parcels = payload.deliveries.len();
    tracing::error!(
        request_id,
        function_arn,
        condition,
        parcels,
        shown,
        why = why.as_deref().unwrap_or("it says nothing"),
        "an invocation of a worker died; its parcels go on elsewhere"
    );
    Ok(())
}

/// Ends the leases that this request still holds, and shows the messages that no worker has. Returns how many.
async fn release(ports: &Ports, deliveries: &[Delivery], request: &str) -> Result<usize, PortError> {
    let readable: Vec<_> =
        deliveries.iter().filter_map(|delivery| Some((delivery, Header::peek(&delivery.body).ok()?.id))).collect();
    let rows = ports.ledger.rows(readable.iter().map(|(_, parcel)| *parcel).collect()).await?;
    let now_ms = ports.clock.now_ms();
    let (mut free, mut held) = (Vec::new(), Vec::new());
    for ((delivery, _), row) in readable.into_iter().zip(rows) {
        match row {
            Some(row) if row.state == RowState::Open => {
                if is_holder(&row.holder, request) {
                    held.push((delivery, end(&row, now_ms)));
                }
            }
            // It never began, or all but its end is done.
            _ => free.push(delivery),
        }
    }
    let (held, ends): (Vec<_>, Vec<_>) = held.into_iter().unzip();
    if !ends.is_empty() {
        for (delivery, ended) in held.into_iter().zip(ports.ledger.checkpoint(ends).await) {
            match ended {
                Ok(()) => free.push(delivery),
                // Another worker has it by now.
                Err(PortError::Fenced) => {}
                Err(error) => return Err(error),
            }
        }
    }
    let shown = free.len();
    put_aside(ports, free.into_iter().map(|delivery| delivery.hidden(now_ms)).collect()).await;
    Ok(shown)
}

fn end(row: &Row, now_ms: u64) -> Checkpoint {
    Checkpoint { parcel: row.parcel, epoch: row.epoch, record: None, lease_until_ms: now_ms, window: None }
}
