//! The envelope around header and body: version, flags, lengths, checksum.
//!
//! ```text
//! offset  bytes  what
//! 0       1      version
//! 1       1      flags: 1 = the body is compressed with zstd
//! 2       4      header length h, little endian
//! 6       h      header
//! 6+h     4      length of the body before compression, little endian
//! 10+h    b      body
//! 10+h+b  4      CRC-32 (IEEE) of all bytes before it, little endian
//! ```

use std::cell::RefCell;

use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};

use super::{MAX_BODY_BYTES, MAX_HEADER_BYTES, VERSION, WireError};

const ZSTD: u8 = 1;
const FIXED: usize = 6;
const LENGTH: usize = 4;
const CHECKSUM: usize = 4;

/// The highest version that a format may ever have. Text begins with a higher byte, or with white space, whose length
/// field and header are not those of a parcel.
const LAST_VERSION: u8 = 31;

/// The bytes that an envelope adds to header and body.
pub(crate) const OVERHEAD: usize = FIXED + LENGTH + CHECKSUM;

/// Fast rather than small: a parcel is sent once and read once.
const LEVEL: i32 = 1;

/// Smaller bodies are not compressed: zstd's frame would cost what it saves.
const COMPRESS_FROM_BYTES: usize = 256;

thread_local! {
    // A context takes most of a megabyte, and making one takes longer than compressing a small parcel.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

/// Wraps header and body, compressed if that saves a tenth.
pub(crate) fn wrap(header: &[u8], body: &[u8]) -> Bytes {
    let compressed = compress(body);
    let (flags, stored) = compressed.as_deref().map_or((0, body), |small| (ZSTD, small));
    let mut parcel = Vec::with_capacity(OVERHEAD + header.len() + stored.len());
    parcel.extend_from_slice(&[VERSION, flags]);
    parcel.extend_from_slice(&(header.len() as u32).to_le_bytes());
    parcel.extend_from_slice(header);
    parcel.extend_from_slice(&(body.len() as u32).to_le_bytes());
    parcel.extend_from_slice(stored);
    parcel.extend_from_slice(&crc32fast::hash(&parcel).to_le_bytes());
    Bytes::from(parcel)
}

fn compress(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < COMPRESS_FROM_BYTES {
        return None;
    }
    let small = COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(body).ok())?;
    (small.len() < body.len() - body.len() / 10).then_some(small)
}

/// The header's bytes.
pub(super) fn header(parcel: &[u8]) -> Result<&[u8], WireError> {
    let fixed = cut(parcel, 0, FIXED, "its first part")?;
    let found = fixed[0];
    if found > VERSION && lasting_header(parcel).is_some() {
        return Err(WireError::Newer { found });
    }
    if found == 0 || found > VERSION {
        return Err(WireError::Version { found });
    }
    if fixed[1] & !ZSTD != 0 {
        return Err(WireError::Flags { found: fixed[1] });
    }
    let length = u32_at(parcel, 2)?;
    if length > MAX_HEADER_BYTES {
        return Err(WireError::HeaderTooLarge { bytes: length });
    }
    cut(parcel, FIXED, length, "the header")
}

/// The header's bytes if they are where every version has them: after a version, flags and its length, as a map.
fn lasting_header(parcel: &[u8]) -> Option<&[u8]> {
    let length = u32_at(parcel, 2).ok().filter(|length| *length <= MAX_HEADER_BYTES)?;
    let header = parcel.get(FIXED..FIXED + length)?;
    let is_map = matches!(header.first(), Some(0x80..=0x8f | 0xde | 0xdf));
    (is_map && (1..=LAST_VERSION).contains(&parcel[0])).then_some(header)
}

/// The bytes up to the end of the header, as a stand-in for a parcel stored elsewhere. The header can be read from it;
/// opening it reports a truncated parcel.
pub(super) fn stub(parcel: &Bytes) -> Result<Bytes, WireError> {
    let end = FIXED + header(parcel)?.len();
    Ok(parcel.slice(..end))
}

/// Whether these bytes end with the header, whichever version they have.
pub(super) fn is_stub(parcel: &[u8]) -> bool {
    let header = header(parcel).ok().or_else(|| lasting_header(parcel));
    header.is_some_and(|header| parcel.len() == FIXED + header.len())
}

/// The header's bytes, and the body, decompressed.
pub(crate) fn unwrap(parcel: &Bytes) -> Result<(&[u8], Bytes), WireError> {
    let header = header(parcel)?;
    let body_at = FIXED + header.len() + LENGTH;
    let end = parcel.len().checked_sub(CHECKSUM).filter(|end| *end >= body_at).ok_or(WireError::Truncated {
        part: "the end",
        need: body_at + CHECKSUM,
        have: parcel.len(),
    })?;
    let found = u32_at(parcel, end)? as u32;
    let computed = crc32fast::hash(&parcel[..end]);
    if found != computed {
        return Err(WireError::Checksum { found, computed });
    }
    let bytes = u32_at(parcel, body_at - LENGTH)?;
    if bytes > MAX_BODY_BYTES {
        return Err(WireError::BodyTooLarge { bytes });
    }
    let stored = parcel.slice(body_at..end);
    let body = if parcel[1] & ZSTD == 0 { stored } else { decompress(&stored, bytes)? };
    if body.len() == bytes {
        Ok((header, body))
    } else {
        Err(WireError::Truncated { part: "the body", need: bytes, have: body.len() })
    }
}

/// Takes no more memory than `bytes`, whatever size the frame claims.
fn decompress(stored: &[u8], bytes: usize) -> Result<Bytes, WireError> {
    let decompressed = DECOMPRESSOR.with_borrow_mut(|decompressor| match decompressor {
        Some(decompressor) => decompressor.decompress(stored, bytes),
        None => Err(std::io::ErrorKind::OutOfMemory.into()),
    });
    decompressed.map(Bytes::from).map_err(|error| WireError::Compression(error.to_string()))
}

fn cut<'a>(parcel: &'a [u8], at: usize, need: usize, part: &'static str) -> Result<&'a [u8], WireError> {
    let rest = parcel.get(at..).unwrap_or_default();
    rest.get(..need).ok_or(WireError::Truncated { part, need, have: rest.len() })
}

fn u32_at(parcel: &[u8], at: usize) -> Result<usize, WireError> {
    let bytes = cut(parcel, at, LENGTH, "a length")?;
    Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
}
