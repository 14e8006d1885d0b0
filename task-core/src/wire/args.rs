//! Encodes arguments and results: `MessagePack` with named fields, so that a new argument with a default still reads
//! old calls.
//!
//! Types write their human-readable form: an `IpAddr` or a `Uuid` is a text. Serde reads `flatten`, `untagged` and
//! `tag` through a buffer that asks for that form in every format. A type written in its binary form would not be
//! recognised there.

use rmp_serde::{
    Deserializer,
    config::{DefaultConfig, HumanReadableConfig},
    decode::ReadRefReader,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{MAX_DEPTH, short::Short};

/// Encodes arguments or a result, appending to `out`.
pub fn encode_args<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
    value.serialize(&mut rmp_serde::Serializer::new(out).with_human_readable().with_struct_map())
}

/// Decodes arguments or a result.
pub fn decode_args<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    read(bytes)
}

/// Reads a value, no deeper than [`MAX_DEPTH`], with short errors.
pub(super) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, rmp_serde::decode::Error> {
    T::deserialize(Reader::of(bytes).short()).map_err(|Short(error)| error)
}

/// Reads no deeper than [`MAX_DEPTH`]: the decoder's own limit exceeds a thread's stack.
pub(crate) struct Reader<'de>(Readable<'de>);

type Readable<'de> = Deserializer<ReadRefReader<'de, [u8]>, HumanReadableConfig<DefaultConfig>>;

impl<'de> Reader<'de> {
    pub(crate) fn of(bytes: &'de [u8]) -> Self {
        let mut deserializer = Deserializer::from_read_ref(bytes).with_human_readable();
        deserializer.set_max_depth(MAX_DEPTH);
        Self(deserializer)
    }

    /// The deserializer, with short errors for any wrong value.
    pub(crate) fn short(&mut self) -> Short<&mut Readable<'de>> {
        Short(&mut self.0)
    }
}
