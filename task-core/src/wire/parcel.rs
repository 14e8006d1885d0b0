//! An opened parcel: its header and its calls.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::Bytes as Bin;

use super::{Header, MAX_CALLS, WireError, envelope};
use crate::{
    id::TaskId,
    ports::{ChildPlan, Outgoing, Seal},
};

/// An opened parcel.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Its head.
    pub header: Header,
    args: Vec<Bytes>,
    /// Empty when the indexes follow one another from `header.first` on.
    indexes: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    args: Vec<&'a Bin>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    indexes: Vec<u64>,
}

impl Parcel {
    /// Opens an encoded parcel and checks it as a whole. The calls' arguments stay undecoded.
    pub fn open(parcel: &Bytes) -> Result<Self, WireError> {
        let (header, body) = envelope::unwrap(parcel)?;
        let header = Header::decode(header)?;
        let parts: Body<'_> = rmp_serde::from_slice(&body).map_err(|error| WireError::Body(error.to_string()))?;
        let found = parts.args.len();
        if found != header.count as usize || header.count > MAX_CALLS {
            return Err(WireError::Count { said: header.count, found });
        }
        if !parts.indexes.is_empty() && parts.indexes.len() != found {
            return Err(WireError::Body(format!("{} indexes for {found} calls", parts.indexes.len())));
        }
        if header.first.checked_add(u64::from(header.count)).is_none() {
            return Err(WireError::Body("an index beyond 64 bits".to_owned()));
        }
        let args = parts.args.iter().map(|args| body.slice_ref(args)).collect();
        let indexes = parts.indexes;
        Ok(Self { header, args, indexes })
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

    /// The children that a seal asks for: a pure function of this parcel and the seal, whoever computes it.
    pub fn children(&self, seal: &Seal) -> Vec<Outgoing> {
        seal.children.iter().zip(0..).map(|(plan, k)| self.child(plan, k)).collect()
    }

    fn child(&self, plan: &ChildPlan, k: u32) -> Outgoing {
        let positions: Vec<u32> = plan.calls.iter().filter(|position| *position < self.count()).collect();
        let indexes: Vec<u64> = positions.iter().map(|position| self.index(*position)).collect();
        let body = Body {
            args: positions.iter().map(|position| Bin::new(self.args(*position))).collect(),
            indexes: indexes.clone(),
        };
        let body = rmp_serde::to_vec_named(&body).expect("a body has only types that MessagePack has");
        let header = Header {
            id: self.header.id.child(k),
            parent: Some(self.header.id),
            first: indexes.iter().copied().min().unwrap_or(self.header.first),
            count: positions.len() as u32,
            attempt: plan.attempt,
            hops: self.header.hops + 1,
            due_ms: plan.due_ms,
            ..self.header.clone()
        };
        Outgoing {
            queue: self.header.queue.as_str().into(),
            body: envelope::wrap(&header.encode(), &body),
            due_ms: plan.due_ms,
        }
    }
}
