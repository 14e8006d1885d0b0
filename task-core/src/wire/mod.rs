//! The bytes of a parcel, which `docs/wire-format.md` describes for other languages: an envelope with a version, a
//! header that a dispatcher reads, and a body that only a worker opens, compressed if that pays.
//!
//! No input is trusted: lengths are checked against limits before memory is taken for them.

mod args;
mod at_most;
pub(crate) mod body;
pub(crate) mod envelope;
mod error;
mod header;
mod json;
mod loose;
mod read_back;
mod short;

pub(crate) use args::Reader;
pub use args::{decode_args, encode_args};
pub(crate) use at_most::AtMost;
pub use error::WireError;
pub use header::Header;
pub use json::{Json, from_json};
pub(crate) use read_back::{Unlike, Way, read_back};
pub(crate) use short::{Short, excerpt};

/// The bytes of a parcel up to the end of its header: a stand-in for a parcel stored elsewhere, and enough for
/// [`Header::peek`].
pub fn stub(parcel: &bytes::Bytes) -> Result<bytes::Bytes, WireError> {
    envelope::stub(parcel)
}

/// Whether these are the bytes of a parcel of any version up to the end of its header, and no more.
pub fn is_stub(parcel: &[u8]) -> bool {
    envelope::is_stub(parcel)
}

/// The version of the format that this crate writes, and the highest that it reads.
pub const VERSION: u8 = 1;

/// The most calls of one parcel: the record of its finished calls must fit a small row of the ledger.
pub const MAX_CALLS: u32 = 4096;

/// The most bytes of a body once decompressed.
pub const MAX_BODY_BYTES: usize = 16 << 20;

/// The most bytes of a header.
pub const MAX_HEADER_BYTES: usize = 4096;

/// The most bytes of a task's name.
pub const MAX_TASK_BYTES: usize = 128;

/// The highest index of a call in its batch: larger than any real batch, and small enough for a database's integer.
pub const MAX_INDEX: u64 = 1 << 62;

/// The latest time that a parcel can name, in milliseconds since 1970: the end of the year 9999. Later times are read
/// as this one.
pub const MAX_TIME_MS: u64 = 253_402_300_799_999;

/// How long a parcel may still be claimed after it was accepted or became due, in milliseconds: 14 days, as long as SQS
/// keeps a message.
pub const KEPT_MS: u64 = 14 * 24 * 3600 * 1000;

/// The deepest nesting of an argument.
pub const MAX_DEPTH: usize = 128;

/// `Bytes` as `MessagePack`'s `bin`.
pub(crate) mod as_bin {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        serde_bytes::ByteBuf::deserialize(deserializer).map(|bytes| Bytes::from(bytes.into_vec()))
    }
}
