//! Arguments and results: `MessagePack` with named fields, so that an argument added with a default still reads
//! what was sent before.

use rmp_serde::decode::ReadRefReader;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::MAX_DEPTH;

/// Encodes arguments or a result, appending to `out`.
pub fn encode_args<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
    value.serialize(&mut rmp_serde::Serializer::new(out).with_struct_map())
}

/// Decodes arguments or a result.
pub fn decode_args<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    read(bytes)
}

/// Reads anything, no deeper than [`MAX_DEPTH`].
pub(super) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, rmp_serde::decode::Error> {
    T::deserialize(&mut deserializer(bytes))
}

/// Reads no deeper than [`MAX_DEPTH`]: the decoder's own limit is beyond what a thread's stack bears.
pub(crate) fn deserializer(bytes: &[u8]) -> rmp_serde::Deserializer<ReadRefReader<'_, [u8]>> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    deserializer.set_max_depth(MAX_DEPTH);
    deserializer
}
