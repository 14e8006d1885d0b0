//! Combines a task's options with a call's into the header of its parcels, except ids and counts.

use std::{borrow::Cow, time::Duration};

use super::{CallOptions, Error};
use crate::{
    name::{MAX_TENANT_CHARS, queue_name, tenant_name},
    parcel::Spec,
    task::Options,
};

/// The latest time at which a call may be due.
const FARTHEST_MS: u64 = 3653 * 24 * 3600 * 1000;

/// Checks a call's options. Durations count from `now_ms`.
pub(super) fn spec(task: &'static str, options: &Options, call: &CallOptions, now_ms: u64) -> Result<Spec, Error> {
    let invalid = |why: String| Error::Invalid { task: task.to_owned(), why };
    let queue = call.queue.clone().map_or(Cow::Borrowed(options.queue), Cow::Owned);
    if !queue_name(&queue) {
        return Err(invalid(format!("queue: `{queue}` is no queue's name: 1 to 80 letters, digits, `_` or `-`")));
    }
    if call.unique.as_deref() == Some("") {
        return Err(invalid("unique: an empty key; name what makes the call unique, such as an order's number".into()));
    }
    if let Some(tenant) = call.tenant.as_deref().filter(|tenant| !tenant_name(tenant)) {
        let why = format!("1 to {MAX_TENANT_CHARS} printable ASCII characters");
        return Err(invalid(format!("tenant: `{}` is no tenant's name: {why}", tenant.escape_debug())));
    }
    let due_ms = match (call.countdown, call.eta) {
        (Some(_), Some(_)) => {
            return Err(invalid("both a countdown and an eta: one of them says when the call is due".into()));
        }
        (Some(countdown), None) if countdown.is_zero() => 0,
        (Some(countdown), None) => now_ms.saturating_add(ms(countdown)),
        (None, Some(eta)) => u64::try_from(eta.as_millisecond()).unwrap_or(0),
        (None, None) => 0,
    };
    if due_ms > now_ms.saturating_add(FARTHEST_MS) {
        return Err(invalid("due in more than ten years: a countdown or an eta is at most ten years away".into()));
    }
    // A call that is already due needs no waiting and shares parcels with the rest.
    let due_ms = if due_ms <= now_ms { 0 } else { due_ms };
    let expires_ms = call.expires.or(options.expires).map(|expires| now_ms + ms(expires).min(2 * FARTHEST_MS));
    if let Some(expires_ms) = expires_ms.filter(|expires_ms| *expires_ms <= due_ms.max(now_ms)) {
        let (due, expires) = (due_ms.max(now_ms) - now_ms, expires_ms - now_ms);
        return Err(invalid(format!(
            "expires: after {expires} ms, but it is due only after {due} ms, so it could never run"
        )));
    }
    Ok(Spec {
        queue,
        due_ms,
        expires_ms,
        tenant: call.tenant.clone(),
        lane: call.lane,
        ..Spec::of(task, options, now_ms)
    })
}

fn ms(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
