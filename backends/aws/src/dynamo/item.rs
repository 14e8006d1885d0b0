//! Reads and writes attributes of items: numbers, texts, and values packed as `MessagePack`.

use std::{collections::HashMap, fmt::Display, str::FromStr};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use serde::{Serialize, de::DeserializeOwned};

use super::keys::Key;
use celeriac_core::{ports::PortError, wire::MAX_BODY_BYTES};

/// An item, or part of one.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The attribute that the table's setting names: when DynamoDB may delete the item, in seconds since 1970.
pub(super) const TTL: &str = "ttl";

/// Smaller values are not compressed: zstd's frame would cost what it saves.
const COMPRESS_FROM_BYTES: usize = 256;

/// The most bytes of an unpacked value: more than the arguments of one call can have.
const MAX_UNPACKED_BYTES: usize = MAX_BODY_BYTES + (1 << 20);

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

pub(super) fn number(number: impl Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn bytes(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

pub(super) fn flag(flag: bool) -> AttributeValue {
    AttributeValue::Bool(flag)
}

/// Milliseconds as the seconds of [`TTL`].
pub(super) fn seconds(ms: u64) -> AttributeValue {
    number(ms.div_ceil(1000))
}

/// A value as bytes: a byte for the packing, then `MessagePack`, compressed if that pays.
pub(super) fn pack<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut packed = vec![PLAIN];
    rmp_serde::encode::write_named(&mut packed, value)
        .expect("items have only types that MessagePack has, and a Vec takes all bytes");
    let plain = &packed[1..];
    if plain.len() < COMPRESS_FROM_BYTES {
        return packed;
    }
    let Ok(small) = zstd::bulk::compress(plain, 1) else { return packed };
    if small.len() + size_of::<u32>() >= plain.len() {
        return packed;
    }
    let length = (plain.len() as u32).to_le_bytes();
    [&[ZSTD], &length[..], &small].concat()
}

/// The value in these bytes.
pub(super) fn unpack<T: DeserializeOwned>(packed: &[u8]) -> Option<T> {
    match packed.split_first()? {
        (&PLAIN, plain) => rmp_serde::from_slice(plain).ok(),
        (&ZSTD, rest) => {
            let (length, small) = rest.split_first_chunk()?;
            let length = u32::from_le_bytes(*length) as usize;
            let plain = (length <= MAX_UNPACKED_BYTES).then(|| zstd::bulk::decompress(small, length).ok())??;
            rmp_serde::from_slice(&plain).ok()
        }
        _ => None,
    }
}

/// Reads an item. Unreadable attributes were not written by this crate.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a Item);

impl<'a> Fields<'a> {
    pub(super) fn has(self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn number<T: FromStr>(self, name: &str) -> Result<T, PortError> {
        self.read(name, |value| value.as_n().ok()?.parse().ok())
    }

    pub(super) fn number_or<T: FromStr>(self, name: &str, default: T) -> Result<T, PortError> {
        if self.has(name) { self.number(name) } else { Ok(default) }
    }

    pub(super) fn text(self, name: &str) -> Result<&'a str, PortError> {
        self.read(name, |value| value.as_s().ok().map(String::as_str))
    }

    pub(super) fn flag(self, name: &str) -> Result<bool, PortError> {
        if self.has(name) { self.read(name, |value| value.as_bool().ok().copied()) } else { Ok(false) }
    }

    pub(super) fn bytes(self, name: &str) -> Result<&'a [u8], PortError> {
        self.read(name, |value| value.as_b().ok().map(Blob::as_ref))
    }

    pub(super) fn id(self, name: &str) -> Result<[u8; 16], PortError> {
        self.read(name, |value| value.as_b().ok()?.as_ref().try_into().ok())
    }

    /// A packed value; the default if there is none.
    pub(super) fn packed<T: DeserializeOwned + Default>(self, name: &str) -> Result<T, PortError> {
        if self.has(name) { self.read(name, |value| unpack(value.as_b().ok()?.as_ref())) } else { Ok(T::default()) }
    }

    fn read<T>(self, name: &str, read: impl FnOnce(&'a AttributeValue) -> Option<T>) -> Result<T, PortError> {
        self.0.get(name).and_then(read).ok_or_else(|| self.unreadable(name))
    }

    /// The error for an unreadable attribute.
    pub(super) fn unreadable(self, name: &str) -> PortError {
        let Key { pk, sk } = Key::of(self.0).unwrap_or_else(|| Key { pk: "?".to_owned(), sk: "?".to_owned() });
        let what = format!(
            "attribute `{name}` of item `{pk}`, `{sk}` of the ledger's table cannot be read: it was written by another \
             program, or by a newer version of this one"
        );
        PortError::Refused { what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_value_reads_as_it_was() {
        for count in [0, 3, 10_000] {
            let value = vec![7u32; count];
            let packed = pack(&value);
            assert_eq!(unpack::<Vec<u32>>(&packed), Some(value));
            assert!(packed.len() < 100, "{count} of the same are {} bytes", packed.len());
        }
    }

    #[test]
    fn a_length_that_would_take_all_memory_is_refused() {
        let mut packed = pack(&vec![7u32; 10_000]);
        packed[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(unpack::<Vec<u32>>(&packed), None);
        assert_eq!(unpack::<Vec<u32>>(&[]), None);
        assert_eq!(unpack::<Vec<u32>>(&[9, 1]), None);
    }
}
