//! Arguments and results: `MessagePack` with named fields, so that an argument added with a default still reads
//! what was sent before.
//!
//! Types write the form that people read: an `IpAddr` or a `Uuid` is a text. Serde reads `flatten`, `untagged` and `tag`
//! through a buffer that asks for that form, whatever format is behind it. A type that had been written in its binary
//! form would not be found in there.

use rmp_serde::{
    Deserializer,
    config::{DefaultConfig, HumanReadableConfig},
    decode::ReadRefReader,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{MAX_DEPTH, short::Short};

/// Encodes arguments or a result, appending to `out`.
pub fn encode_args<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
    value.serialize(&mut rmp_serde::Serializer::new(out).with_struct_map().with_human_readable())
}

/// Decodes arguments or a result.
pub fn decode_args<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    read(bytes)
}

/// Reads anything, no deeper than [`MAX_DEPTH`], with errors that are short.
pub(super) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, rmp_serde::decode::Error> {
    T::deserialize(Reader::of(bytes).short()).map_err(|Short(error)| error)
}

/// Reads no deeper than [`MAX_DEPTH`]: the decoder's own limit is beyond what a thread's stack bears.
pub(crate) struct Reader<'de>(Readable<'de>);

type Readable<'de> = Deserializer<ReadRefReader<'de, [u8]>, HumanReadableConfig<DefaultConfig>>;

impl<'de> Reader<'de> {
    pub(crate) fn of(bytes: &'de [u8]) -> Self {
        let mut deserializer = Deserializer::from_read_ref(bytes).with_human_readable();
        deserializer.set_max_depth(MAX_DEPTH);
        Self(deserializer)
    }

    /// Whose errors are short, whatever stands in the wrong place.
    pub(crate) fn short(&mut self) -> Short<&mut Readable<'de>> {
        Short(&mut self.0)
    }
}
