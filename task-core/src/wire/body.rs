//! The body of a parcel: the arguments of its calls, and which calls of the batch they are.

use serde::{Deserialize, Deserializer, Serialize};
use serde_bytes::Bytes as Bin;

use super::{AtMost, MAX_CALLS, WireError, args};
use crate::bitmap::Bitmap;

/// The body of a parcel. Field names are part of the wire format.
#[derive(Serialize, Deserialize)]
pub(crate) struct Body<'a> {
    /// The encoded arguments of each call.
    #[serde(borrow, deserialize_with = "at_most_max_calls")]
    pub(crate) args: Vec<&'a Bin>,
    /// The calls' indexes, counted from the header's `first`; absent if they are consecutive. A set and not a list, so
    /// that a child is never larger than its parent may be, however scattered its calls are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) indexes: Option<Bitmap>,
}

impl<'a> Body<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        args::read(bytes).map_err(|error| WireError::Body(without_text(error.to_string())))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("a body has only types that MessagePack has, and a Vec takes all bytes")
    }
}

/// An error without the text at the wrong place, which may be a private argument, and long.
fn without_text(said: String) -> String {
    match said.strip_prefix("invalid type: string \"").and_then(|rest| rest.rsplit_once("\", expected ")) {
        Some((_, expected)) => format!("invalid type: string, expected {expected}"),
        None => said,
    }
}

/// The set of ascending indexes, or none if they are consecutive.
pub(crate) fn gather(indexes: &[u64]) -> Option<Bitmap> {
    let (first, last) = (indexes.first()?, indexes.last()?);
    let gaps = last - first >= indexes.len() as u64;
    gaps.then(|| indexes.iter().map(|index| (index - first) as u32).collect())
}

/// The indexes in a set, of which there must be `count`.
pub(crate) fn spread(first: u64, set: &Bitmap, count: usize) -> Result<Vec<u64>, WireError> {
    let limit = MAX_CALLS as usize / 8;
    if set.as_bytes().len() > limit {
        let bytes = set.as_bytes().len();
        return Err(WireError::Body(format!("a set of indexes of {bytes} bytes; at most {limit}")));
    }
    if set.len() as usize != count {
        return Err(WireError::Body(format!("{} indexes for {count} calls", set.len())));
    }
    Ok(set.iter().map(|offset| first + u64::from(offset)).collect())
}

fn at_most_max_calls<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<&'de Bin>, D::Error> {
    AtMost { most: MAX_CALLS as usize, what: "calls" }.read(deserializer)
}
