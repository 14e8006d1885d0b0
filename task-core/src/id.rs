//! The ids on the wire: of batches, calls and parcels. An id is made from a time and random bits that are passed in, or
//! derived from another id, so that a simulation is deterministic.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use ulid::Ulid;
use xxhash_rust::xxh3::xxh3_128;

/// The id of a batch, and the first half of the id of each of its calls. Written as 26 letters and digits that sort by
/// creation time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId(u128);

/// The id of a parcel. A root parcel's id follows from its batch and its first call, a child's from its parent, so that
/// a parcel is sent again under the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParcelId(u128);

/// The id of a call. It never changes, not even over retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskId {
    /// The batch. A call made by `delay` shares one with the calls it was coalesced with.
    pub batch: BatchId,
    /// Its place in the batch, from 0.
    pub index: u64,
}

/// A text that is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {form}")]
pub struct IdError {
    text: String,
    what: &'static str,
    form: &'static str,
}

impl BatchId {
    /// A new id from milliseconds since 1970 and 80 random bits.
    pub fn new(now_ms: u64, random: u128) -> Self {
        Self(Ulid::from_parts(now_ms, random).0)
    }

    /// The id of a user's key: the same for the same task and key.
    pub fn from_key(task: &str, key: &str) -> Self {
        let mut text = Vec::with_capacity(task.len() + key.len() + 1);
        text.extend_from_slice(task.as_bytes());
        text.push(0);
        text.extend_from_slice(key.as_bytes());
        Self(xxh3_128(&text))
    }

    /// The sixteen bytes on the wire, big endian.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The id with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The call at `index`.
    pub fn call(self, index: u64) -> TaskId {
        TaskId { batch: self, index }
    }
}

/// The bits of an id that are its batch's time, in milliseconds since 1970.
const TIME: u128 = u128::MAX << 80;

impl ParcelId {
    /// The parcel into which the client packed the calls of `batch` from `first` on.
    pub fn root(batch: BatchId, first: u64) -> Self {
        Self::derive(b'r', batch.0, first)
    }

    /// The `k`th child of this parcel.
    #[must_use]
    pub fn child(self, k: u32) -> Self {
        Self::derive(b'c', self.0, u64::from(k))
    }

    /// The parcel in which a call that died at `died_ms` is sent again.
    pub fn revived(call: TaskId, died_ms: u64) -> Self {
        Self::derive(b'd', Self::root(call.batch, call.index).0, died_ms)
    }

    /// A hash below the time of the batch, which is where a ledger looks last: ids made at about the same time are
    /// neighbours in its index, so that claims of many parcels write few pages.
    fn derive(kind: u8, from: u128, k: u64) -> Self {
        let mut text = [kind; 25];
        text[1..17].copy_from_slice(&from.to_be_bytes());
        text[17..].copy_from_slice(&k.to_be_bytes());
        Self(from & TIME | xxh3_128(&text) & !TIME)
    }

    /// The sixteen bytes on the wire, big endian.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ulid(self.0).fmt(f)
    }
}

impl fmt::Display for ParcelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.batch, self.index)
    }
}

impl FromStr for BatchId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Ulid::from_string(text).map(|u| Self(u.0)).map_err(|_| IdError {
            text: text.to_owned(),
            what: "a batch id",
            form: "26 letters and digits, as `fan_out` and `batches` print it",
        })
    }
}

impl FromStr for TaskId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let parsed = text
            .split_once('-')
            .and_then(|(batch, index)| Some(TaskId { batch: batch.parse().ok()?, index: index.parse().ok()? }));
        parsed.ok_or_else(|| IdError {
            text: text.to_owned(),
            what: "a task id",
            form: "a batch id, a hyphen and a number, as `call` prints it",
        })
    }
}

macro_rules! as_bytes {
    ($($id:ident),*) => {$(
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serde_bytes::Bytes::new(&self.to_bytes()).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let bytes = <&serde_bytes::Bytes>::deserialize(deserializer)?;
                let bytes: [u8; 16] = bytes.as_ref().try_into().map_err(|_| {
                    D::Error::custom(format!("an id has 16 bytes, not {}", bytes.len()))
                })?;
                Ok(Self::from_bytes(bytes))
            }
        }
    )*};
}
as_bytes!(BatchId, ParcelId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_id_reads_what_it_writes() {
        let id = BatchId::new(1_700_000_000_000, 42).call(17);
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn a_wrong_id_says_what_an_id_looks_like() {
        let error = "welcome".parse::<TaskId>().unwrap_err().to_string();
        assert_eq!(error, "`welcome` is not a task id: a batch id, a hyphen and a number, as `call` prints it");
    }

    #[test]
    fn children_of_one_parent_differ_and_repeat() {
        let parent = ParcelId::root(BatchId::new(1, 1), 0);
        assert_eq!(parent.child(0), parent.child(0));
        assert_ne!(parent.child(0), parent.child(1));
        assert_ne!(parent.child(0), ParcelId::root(BatchId::from_bytes(parent.to_bytes()), 0));
    }
}
