//! Handmade parcels that no client would send.

use bytes::Bytes;
use celeriac_core::parcel::Parcel;
use celeriac_core::wire::{Header, WireError};

use super::parcels;

/// An envelope around any bytes, with a correct checksum.
pub(crate) fn envelope(version: u8, flags: u8, header: &[u8], body_bytes: u32, stored: &[u8]) -> Bytes {
    let mut parcel = vec![version, flags];
    parcel.extend_from_slice(&(header.len() as u32).to_le_bytes());
    parcel.extend_from_slice(header);
    parcel.extend_from_slice(&body_bytes.to_le_bytes());
    parcel.extend_from_slice(stored);
    parcel.extend_from_slice(&crc32fast::hash(&parcel).to_le_bytes());
    Bytes::from(parcel)
}

/// The encoded header of a parcel of `count` calls.
pub(crate) fn header(count: u32) -> Vec<u8> {
    encode(&Header { count, ..parcels::header(0) })
}

pub(crate) fn encode(header: &Header) -> Vec<u8> {
    rmp_serde::to_vec_named(header).unwrap()
}

/// A parcel of `count` calls with this body, not compressed.
pub(crate) fn with_body(count: u32, body: &[u8]) -> Bytes {
    envelope(1, 0, &header(count), body.len() as u32, body)
}

/// A parcel with this header and one call without arguments.
pub(crate) fn with_header(header: &[u8]) -> Bytes {
    let body = b"\x81\xa4args\x91\xc4\x01\x80";
    envelope(1, 0, header, body.len() as u32, body)
}

/// The error of opening these bytes.
pub(crate) fn refusal(parcel: &Bytes) -> String {
    error(parcel).to_string()
}

pub(crate) fn error(parcel: &Bytes) -> WireError {
    Parcel::open(parcel).map(|parcel| parcel.header).expect_err("this parcel is wrong")
}
