//! An opened parcel: its header and its calls.

use std::fmt;

use bytes::Bytes;
use serde_bytes::Bytes as Bin;

use crate::{
    id::TaskId,
    ports::{ChildPlan, Outgoing, Seal},
    wire::{
        Header, KEPT_MS, MAX_CALLS, WireError,
        body::{self, Body},
        envelope,
    },
};

/// An opened parcel. `Debug` shows its header but no arguments.
#[derive(Clone)]
pub struct Parcel {
    /// Its header.
    pub header: Header,
    args: Vec<Bytes>,
    /// Empty if the indexes are consecutive from `header.first` on.
    indexes: Vec<u64>,
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parcel").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Parcel {
    /// Opens an encoded parcel and checks all of it. The calls' arguments stay encoded.
    pub fn open(parcel: &Bytes) -> Result<Self, WireError> {
        let (header, body) = envelope::unwrap(parcel)?;
        let header = Header::decode(header)?;
        let parts = Body::decode(&body)?;
        let found = parts.args.len();
        if found != header.count as usize || header.count > MAX_CALLS {
            return Err(WireError::Count { said: header.count, found });
        }
        let indexes = parts.indexes.map(|set| body::spread(header.first, &set, found)).transpose()?.unwrap_or_default();
        let args = parts.args.iter().map(|args| body.slice_ref(args)).collect();
        Ok(Self { header, args, indexes })
    }

    /// A parcel whose body is lost, with nil as the arguments of each call. `None` for a child, since its header does
    /// not say which calls it has, and `None` if the header has more calls than a parcel may have.
    pub fn lost(header: Header) -> Option<Self> {
        let whole = header.parent.is_none() && header.count <= MAX_CALLS;
        let args = vec![Bytes::from_static(b"\xc0"); if whole { header.count as usize } else { 0 }];
        whole.then_some(Self { header, args, indexes: Vec::new() })
    }

    /// How many calls it has.
    pub fn count(&self) -> u32 {
        self.header.count
    }

    /// The encoded arguments of the call at a position below `count`.
    pub fn args(&self, position: u32) -> &Bytes {
        &self.args[position as usize]
    }

    /// The index in its batch of the call at a position below `count`.
    pub fn index(&self, position: u32) -> u64 {
        self.indexes.get(position as usize).copied().unwrap_or(self.header.first + u64::from(position))
    }

    /// The id of the call at a position below `count`.
    pub fn call(&self, position: u32) -> TaskId {
        self.header.batch.call(self.index(position))
    }

    /// The dead letter that this parcel sends again: the call's id and the time of its death.
    pub fn revived(&self) -> Option<(TaskId, u64)> {
        self.header.died_ms.filter(|_| self.count() > 0).map(|died_ms| (self.call(0), died_ms))
    }

    /// The children that a seal asks for: a pure function of this parcel and the seal.
    pub fn children(&self, seal: &Seal) -> Vec<Outgoing> {
        seal.children.iter().zip(0..).map(|(plan, k)| self.child(plan, k)).collect()
    }

    fn child(&self, plan: &ChildPlan, k: u32) -> Outgoing {
        let positions: Vec<u32> = plan.calls.iter().filter(|position| *position < self.count()).collect();
        let indexes: Vec<u64> = positions.iter().map(|position| self.index(*position)).collect();
        let args = positions.iter().map(|position| Bin::new(self.args(*position))).collect();
        let body = Body { args, indexes: body::gather(&indexes) };
        let header = Header {
            id: self.header.id.child(k),
            parent: Some(self.header.id),
            first: indexes.first().copied().unwrap_or(self.header.first),
            count: positions.len() as u32,
            attempt: plan.attempt,
            hops: self.header.hops.saturating_add(1),
            due_ms: plan.due_ms,
            // Counted from the due time, since a back-off may be longer than a parcel is kept.
            not_after_ms: self.header.not_after_ms.max(plan.due_ms.saturating_add(KEPT_MS)),
            // The worker that took the parent has removed the letter.
            died_ms: None,
            ..self.header.clone()
        };
        Outgoing {
            queue: self.header.queue.as_str().into(),
            lane: header.lane(),
            body: envelope::wrap(&header.encode(), &body.encode()),
            due_ms: plan.due_ms,
        }
    }
}
