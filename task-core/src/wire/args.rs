//! Arguments and results: `MessagePack` with named fields, so that an argument added with a default still reads
//! what was sent before.

use serde::{Serialize, de::DeserializeOwned};

use super::MAX_DEPTH;

/// Encodes arguments or a result, appending to `out`.
pub fn encode_args<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
    value.serialize(&mut rmp_serde::Serializer::new(out).with_struct_map())
}

/// Decodes arguments or a result.
pub fn decode_args<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    deserializer.set_max_depth(MAX_DEPTH);
    let value = T::deserialize(&mut deserializer)?;
    Ok(value)
}

/// Arguments or a result as JSON, for people. Bytes become arrays of numbers.
pub fn to_json(bytes: &[u8]) -> Result<serde_json::Value, rmp_serde::decode::Error> {
    decode_args(bytes)
}

/// Arguments given as JSON, encoded: the same bytes as if they had been given as values, where JSON has the types.
pub fn from_json(value: &serde_json::Value) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    let mut out = Vec::new();
    encode_args(value, &mut out)?;
    Ok(out)
}
