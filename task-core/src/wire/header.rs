//! The header of a parcel: the only part that a dispatcher reads.

use serde::{Deserialize, Serialize};

use super::{KEPT_MS, MAX_INDEX, MAX_TASK_BYTES, MAX_TIME_MS, WireError, args, envelope};
use crate::{
    id::{BatchId, ParcelId},
    lane::{self, Lane},
    name::{MAX_TENANT_CHARS, queue_name, tenant_name},
};

/// The header of a parcel. Field names are part of the wire format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The parcel.
    pub id: ParcelId,
    /// The parcel that it is a child of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParcelId>,
    /// The batch of its calls.
    pub batch: BatchId,
    /// Whether that batch has a record, whose counters change when the parcel ends.
    #[serde(default)]
    pub counted: bool,
    /// The task of its calls.
    pub task: String,
    /// The queue it was sent to.
    pub queue: String,
    /// The lowest index among its calls.
    pub first: u64,
    /// How many calls it has.
    pub count: u32,
    /// The attempt that its calls are to make, from 1.
    pub attempt: u32,
    /// How many ancestors it has.
    #[serde(default)]
    pub hops: u32,
    /// When its calls were accepted, in milliseconds since 1970.
    pub created_ms: u64,
    /// When its calls are due, in milliseconds since 1970; 0 for at once.
    #[serde(default)]
    pub due_ms: u64,
    /// When its calls expire unless they have started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// When it becomes too old to run.
    pub not_after_ms: u64,
    /// The tenant its calls are made for; fair queues use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The lane that its calls wait in. `None` for the usual one of such calls ([`Header::lane`]).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lane::known")]
    pub lane: Option<Lane>,
    /// How long one call is expected to take, for planning; 0 if unknown.
    #[serde(default)]
    pub call_ms: u32,
    /// When its call died, in milliseconds since 1970, if this parcel sends a dead letter again. The worker that takes
    /// the parcel removes the letter, in case its sender died before doing so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died_ms: Option<u64>,
}

impl Header {
    /// The header of a parcel at its first attempt, due at once, with defaults for the rest. The packer sets the number
    /// of calls.
    pub fn new(id: ParcelId, batch: BatchId, first: u64, task: impl Into<String>, queue: impl Into<String>) -> Self {
        Self {
            id,
            parent: None,
            batch,
            counted: false,
            task: task.into(),
            queue: queue.into(),
            first,
            count: 0,
            attempt: 1,
            hops: 0,
            created_ms: 0,
            due_ms: 0,
            expires_ms: None,
            not_after_ms: KEPT_MS,
            tenant: None,
            lane: None,
            call_ms: 0,
            died_ms: None,
        }
    }

    /// The lane that its calls wait in.
    pub fn lane(&self) -> Lane {
        self.lane.unwrap_or(Lane::usual(self.counted))
    }

    /// Reads the header of an encoded parcel and nothing else: neither the body nor the checksum over it.
    pub fn peek(parcel: &[u8]) -> Result<Self, WireError> {
        envelope::header(parcel).and_then(Self::decode)
    }

    /// Reads a header and checks its numbers, so that arithmetic on them is safe.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut header: Self = args::read(bytes).map_err(|error| WireError::Header(error.to_string()))?;
        if header.attempt == 0 {
            return Err(WireError::Header("attempt 0; attempts count from 1".to_owned()));
        }
        if header.first > MAX_INDEX {
            return Err(WireError::Header(format!("first index {}; at most {MAX_INDEX}", header.first)));
        }
        if header.task.len() > MAX_TASK_BYTES {
            let bytes = header.task.len();
            return Err(WireError::Header(format!("a task name of {bytes} bytes; at most {MAX_TASK_BYTES}")));
        }
        if let Some(tenant) = header.tenant.as_deref().filter(|tenant| !tenant_name(tenant)) {
            let why = format!("a tenant has 1 to {MAX_TENANT_CHARS} printable ASCII characters");
            return Err(WireError::Header(format!("tenant `{}`: {why}", tenant.escape_debug())));
        }
        // Its children are sent to this queue.
        if !queue_name(&header.queue) {
            let why = "a queue has 1 to 80 letters, digits, `_` or `-`";
            return Err(WireError::Header(format!("queue `{}`: {why}", header.queue.escape_debug())));
        }
        for time in [&mut header.created_ms, &mut header.due_ms, &mut header.not_after_ms] {
            *time = MAX_TIME_MS.min(*time);
        }
        for time in [&mut header.expires_ms, &mut header.died_ms] {
            *time = time.map(|time| MAX_TIME_MS.min(time));
        }
        Ok(header)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("a header has only types that MessagePack has, and a Vec takes all bytes")
    }
}
