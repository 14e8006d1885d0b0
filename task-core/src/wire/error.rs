//! Why bytes are not a parcel.

use super::{MAX_BODY_BYTES, MAX_CALLS, MAX_HEADER_BYTES, VERSION};

/// Why bytes are not a parcel, or not a parcel that this program can run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// There are fewer bytes than a length in the parcel says.
    #[error("a parcel ends too early: {part} needs {need} bytes, {have} are there")]
    Truncated {
        /// Which part is cut.
        part: &'static str,
        /// How many bytes it needs.
        need: usize,
        /// How many there are.
        have: usize,
    },
    /// Written by a newer program. Its message is put back until this program is newer too, and is never buried.
    #[error(
        "a parcel of format version {found}; this program reads up to version {VERSION}: \
         it waits until a newer Celeriac is deployed here"
    )]
    Newer {
        /// The version found.
        found: u8,
    },
    /// Not a parcel of any version.
    #[error(
        "a parcel of format version {found}; this program reads up to version {VERSION}: \
         deploy it anew with a newer Celeriac, or look for who else sends to this queue"
    )]
    Version {
        /// The version found.
        found: u8,
    },
    /// Flags that this version does not have.
    #[error("a parcel with unknown flags {found:#04x}: sent by a newer program, or not a parcel")]
    Flags {
        /// The flags found.
        found: u8,
    },
    /// The checksum is wrong.
    #[error("a damaged parcel: its checksum is {found:08x}, its bytes give {computed:08x}")]
    Checksum {
        /// The checksum in the parcel.
        found: u32,
        /// The checksum of its bytes.
        computed: u32,
    },
    /// The header exceeds its limit.
    #[error("a parcel header of {bytes} bytes; at most {MAX_HEADER_BYTES}")]
    HeaderTooLarge {
        /// Its stated length.
        bytes: usize,
    },
    /// The header is invalid.
    #[error("a parcel header that cannot be read: {0}")]
    Header(String),
    /// The body would be too large in memory.
    #[error("a parcel body of {bytes} bytes; at most {MAX_BODY_BYTES}")]
    BodyTooLarge {
        /// Its stated size.
        bytes: usize,
    },
    /// The body does not decompress to its stated length.
    #[error("a parcel body that cannot be decompressed: {0}")]
    Compression(String),
    /// The body is invalid.
    #[error("a parcel body that cannot be read: {0}")]
    Body(String),
    /// The header and the body disagree, or there are too many calls.
    #[error("a parcel whose header says {said} calls and whose body has {found}; at most {MAX_CALLS}")]
    Count {
        /// The header's count.
        said: u32,
        /// The actual count.
        found: usize,
    },
}
