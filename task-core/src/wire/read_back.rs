//! Checks that an encoded value reads back unchanged. Serde may write a value in a form that its type does not read: a
//! 128-bit number inside `flatten`, `untagged` or `tag`, or attributes that differ between writing and reading. Only
//! the value shows it: another variant of the same enum may be fine.

use std::{cell::Cell, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor},
};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::args::{decode_args, encode_args};
use crate::panics::discard;

thread_local! {
    /// Whether this thread has read a value whose type did not say what it expects.
    static BUFFERED: Cell<bool> = const { Cell::new(false) };
}

/// Notes that a value is read whose type does not say what it expects, as serde does to fill a buffer.
pub(super) fn note_buffered() {
    BUFFERED.set(true);
}

/// How a value was read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As its type directs: if one value reads back, the next most likely does too.
    Typed,
    /// Through a buffer of serde's, in which another value may be lost.
    Buffered,
}

/// How a value differs after it was read back.
#[derive(Debug, PartialEq)]
pub(crate) enum Unlike {
    /// It cannot be read.
    Unreadable,
    /// It reads as another value: in this field, if known.
    Changed(Option<String>),
}

/// Reads an encoded value back and compares.
pub(crate) fn read_back<T: Serialize + DeserializeOwned>(sent: &[u8]) -> Result<Way, Unlike> {
    BUFFERED.set(false);
    let value: T = decode_args(sent).map_err(|_| Unlike::Unreadable)?;
    let way = if BUFFERED.get() { Way::Buffered } else { Way::Typed };
    let mut again = Vec::with_capacity(sent.len());
    let encoded = encode_args(&value, &mut again);
    discard(value);
    encoded.map_err(|_| Unlike::Changed(None))?;
    // A `HashMap` has another order each time.
    if again == sent || decode_args::<Digest>(sent).ok() == decode_args(&again).ok() {
        return Ok(way);
    }
    Err(Unlike::Changed(changed(sent, &again)))
}

/// The first field that differs.
fn changed(sent: &[u8], again: &[u8]) -> Option<String> {
    let fields = |bytes| decode_args::<BTreeMap<String, Digest>>(bytes).ok();
    let (sent, again) = (fields(sent)?, fields(again)?);
    let differs = |name: &&String| sent.get(*name) != again.get(*name);
    sent.keys().chain(again.keys()).find(differs).cloned()
}

/// A digest of any value that ignores the order of lists and maps, since a `HashSet` is a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Digest(u64);

impl Digest {
    fn of(kind: u64, bytes: &[u8]) -> Self {
        Self(xxh3_64_with_seed(bytes, kind))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DigestVisitor)
    }
}

struct DigestVisitor;

impl<'de> Visitor<'de> for DigestVisitor {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Digest, E> {
        Ok(Digest::of(0, &[]))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Digest, E> {
        Ok(Digest::of(1, &[value.into()]))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Digest, E> {
        Ok(Digest::of(2, &i128::from(value).to_le_bytes()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Digest, E> {
        Ok(Digest::of(2, &i128::from(value).to_le_bytes()))
    }

    fn visit_f32<E: de::Error>(self, value: f32) -> Result<Digest, E> {
        Ok(Digest::of(3, &value.to_le_bytes()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Digest, E> {
        Ok(Digest::of(4, &value.to_le_bytes()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Digest, E> {
        Ok(Digest::of(5, value.as_bytes()))
    }

    fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<Digest, E> {
        Ok(Digest::of(6, value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Digest, A::Error> {
        let mut sum = 0_u64;
        while let Some(Digest(item)) = list.next_element()? {
            sum = sum.wrapping_add(item);
        }
        Ok(Digest::of(7, &sum.to_le_bytes()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Digest, A::Error> {
        let mut sum = 0_u64;
        while let Some((Digest(key), Digest(value))) = map.next_entry()? {
            sum = sum.wrapping_add(xxh3_64_with_seed(&value.to_le_bytes(), key));
        }
        Ok(Digest(xxh3_64(&sum.to_le_bytes())))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Digest, D::Error> {
        Digest::deserialize(deserializer)
    }
}
