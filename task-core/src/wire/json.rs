//! Converts arguments and results to JSON for people, and from JSON.

use std::io;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::args::{Reader, encode_args};

/// Arguments or a result that serialise as JSON. They are converted while they are written, so that even large ones
/// take no memory. Bytes become arrays of numbers; keys that are numbers or booleans become strings.
#[derive(Clone, Debug)]
pub struct Json(Bytes);

impl Json {
    /// Reads all of it once, so that a later write cannot stop halfway.
    ///
    /// # Errors
    /// The bytes are damaged, nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH), or have a key that JSON cannot have:
    /// nil, bytes, a list, a map.
    pub fn of(bytes: impl Into<Bytes>) -> Result<Self, serde_json::Error> {
        let json = Self(bytes.into());
        serde_json::to_writer(io::sink(), &json)?;
        Ok(json)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_transcode::transcode(Reader::of(&self.0).short(), serializer)
    }
}

/// Encodes arguments given as JSON. A task reads the same values from them as from typed arguments, where JSON has the
/// types.
pub fn from_json(value: &Value) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    let mut out = Vec::new();
    encode_args(value, &mut out)?;
    Ok(out)
}
