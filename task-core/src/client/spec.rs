//! What the options of a task and those of a call come to: the head of its parcels, but for ids and counts.

use std::{borrow::Cow, time::Duration};

use super::{CallOptions, Error};
use crate::{
    id::{BatchId, ParcelId},
    ports::Outgoing,
    task::{Options, queue_name},
    wire::{Header, KEPT_MS, MAX_TENANT_CHARS, Packer, tenant_name},
};

/// How far away a call may be due.
const FARTHEST_MS: u64 = 3653 * 24 * 3600 * 1000;

/// What calls must have in common to share a parcel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Spec {
    pub(super) task: Cow<'static, str>,
    pub(super) queue: Cow<'static, str>,
    pub(super) due_ms: u64,
    pub(super) expires_ms: Option<u64>,
    pub(super) tenant: Option<String>,
    pub(super) call_ms: u32,
}

impl Spec {
    /// Checks a call's options. Durations count from `now_ms`.
    pub(crate) fn new(task: &'static str, options: &Options, call: &CallOptions, now_ms: u64) -> Result<Self, Error> {
        let invalid = |why: String| Error::Invalid { task: task.to_owned(), why };
        let queue = call.queue.clone().map_or(Cow::Borrowed(options.queue), Cow::Owned);
        if !queue_name(&queue) {
            return Err(invalid(format!("queue: `{queue}` is no queue's name: 1 to 80 letters, digits, `_` or `-`")));
        }
        if call.unique.as_deref() == Some("") {
            return Err(invalid(
                "unique: an empty key; name what makes the call unique, such as an order's number".into(),
            ));
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
        // What is due already needs no waiting, and then shares parcels with the rest.
        let due_ms = if due_ms <= now_ms { 0 } else { due_ms };
        let expires_ms = call.expires.or(options.expires).map(|expires| now_ms + ms(expires).min(2 * FARTHEST_MS));
        if let Some(expires_ms) = expires_ms.filter(|expires_ms| *expires_ms <= due_ms.max(now_ms)) {
            let (due, expires) = (due_ms.max(now_ms) - now_ms, expires_ms - now_ms);
            return Err(invalid(format!(
                "expires: after {expires} ms, but it is due only after {due} ms, so it could never run"
            )));
        }
        let call_ms = options.takes.map_or(0, |takes| takes.as_millis().try_into().unwrap_or(u32::MAX).max(1));
        Ok(Self { task: Cow::Borrowed(task), queue, due_ms, expires_ms, tenant: call.tenant.clone(), call_ms })
    }

    /// The message of what is packed.
    pub(crate) fn encode(&self, packer: &mut Packer, created_ms: u64, place: Place) -> Outgoing {
        let header = Header {
            id: place.parcel,
            parent: None,
            batch: place.batch,
            recorded: place.recorded,
            task: self.task.as_ref().to_owned(),
            queue: self.queue.as_ref().to_owned(),
            first: place.first,
            count: packer.count(),
            attempt: 1,
            hops: 0,
            created_ms,
            due_ms: self.due_ms,
            expires_ms: self.expires_ms,
            not_after_ms: created_ms.max(self.due_ms).saturating_add(KEPT_MS),
            tenant: self.tenant.clone(),
            call_ms: self.call_ms,
            died_ms: place.died_ms,
        };
        Outgoing { queue: self.queue.as_ref().into(), body: packer.encode(header), due_ms: self.due_ms }
    }
}

/// Where a parcel's calls stand in their batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(super) parcel: ParcelId,
    pub(super) batch: BatchId,
    pub(super) first: u64,
    pub(super) recorded: bool,
    /// When the call had died, if it is sent again.
    pub(super) died_ms: Option<u64>,
}

impl Place {
    /// A parcel that the client makes: its id follows from its batch and its first call.
    pub(crate) fn root(batch: BatchId, first: u64, recorded: bool) -> Self {
        Self { parcel: ParcelId::root(batch, first), batch, first, recorded, died_ms: None }
    }
}

fn ms(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
