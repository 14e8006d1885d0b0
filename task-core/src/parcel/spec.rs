//! Makes the header of a parcel of new calls: what the calls have in common, and which calls of the batch they are.

use std::borrow::Cow;

use super::Packer;
use crate::{
    id::{BatchId, ParcelId},
    lane::Lane,
    ports::Outgoing,
    task::Options,
    wire::{Header, KEPT_MS},
};

/// What the calls of one parcel have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spec {
    /// The task.
    pub task: Cow<'static, str>,
    /// The queue they are sent to.
    pub queue: Cow<'static, str>,
    /// When they are due, in milliseconds since 1970; 0 for at once.
    pub due_ms: u64,
    /// When they expire unless they have started, in milliseconds since 1970.
    pub expires_ms: Option<u64>,
    /// The tenant they are made for.
    pub tenant: Option<String>,
    /// The lane they wait in; `None` for the usual one of such calls.
    pub lane: Option<Lane>,
    /// How long one of them is expected to take, in milliseconds; 0 if unknown.
    pub call_ms: u32,
}

impl Spec {
    /// Calls of this task and queue, due at once, with defaults for the rest.
    pub fn new(task: impl Into<Cow<'static, str>>, queue: impl Into<Cow<'static, str>>) -> Self {
        Self {
            task: task.into(),
            queue: queue.into(),
            due_ms: 0,
            expires_ms: None,
            tenant: None,
            lane: None,
            call_ms: 0,
        }
    }

    /// Calls with the options of their task, made at `now_ms`.
    pub fn of(task: &'static str, options: &Options, now_ms: u64) -> Self {
        Self {
            expires_ms: options.expires.map(|expires| now_ms.saturating_add(expires.as_millis() as u64)),
            call_ms: options.takes.map_or(0, |takes| takes.as_millis().try_into().unwrap_or(u32::MAX).max(1)),
            ..Self::new(task, options.queue)
        }
    }

    /// The message with the packed calls, accepted at `created_ms`.
    pub fn encode(&self, packer: &mut Packer, created_ms: u64, calls: Calls) -> Outgoing {
        let Calls { parcel, batch, first, counted, died_ms } = calls;
        let header = Header {
            counted,
            created_ms,
            due_ms: self.due_ms,
            expires_ms: self.expires_ms,
            not_after_ms: created_ms.max(self.due_ms).saturating_add(KEPT_MS),
            tenant: self.tenant.clone(),
            // The usual lane is not written: a lone call's header stays as small as it was.
            lane: self.lane.filter(|lane| *lane != Lane::usual(counted)),
            call_ms: self.call_ms,
            died_ms,
            ..Header::new(parcel, batch, first, self.task.as_ref(), self.queue.as_ref())
        };
        let (queue, lane) = (self.queue.as_ref().into(), header.lane());
        Outgoing { queue, lane, body: packer.encode(header), due_ms: self.due_ms }
    }
}

/// Which calls of which batch a parcel has.
#[derive(Clone, Copy, Debug)]
pub struct Calls {
    /// The parcel.
    pub parcel: ParcelId,
    /// Their batch.
    pub batch: BatchId,
    /// The lowest index among them.
    pub first: u64,
    /// Whether the batch counts them: it has a record, whose counters the parcel's end moves.
    pub counted: bool,
    /// When the call had died, in milliseconds since 1970, if it is sent again.
    pub died_ms: Option<u64>,
}

impl Calls {
    /// The first calls of a batch that does not count them. Their parcel's id follows from the batch.
    pub fn uncounted(batch: BatchId) -> Self {
        Self { parcel: ParcelId::root(batch, 0), batch, first: 0, counted: false, died_ms: None }
    }

    /// Calls that their batch counts, from call `first` on. Their parcel's id follows from the batch and that call.
    pub fn counted(batch: BatchId, first: u64) -> Self {
        Self { parcel: ParcelId::root(batch, first), batch, first, counted: true, died_ms: None }
    }
}
