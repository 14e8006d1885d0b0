//! Parcels for tests.

use bytes::Bytes;
use celeriac_core::{
    id::{BatchId, ParcelId},
    parcel::{Packer, Packing},
    wire::{Header, encode_args},
};

pub(crate) const ROOMY: Packing = Packing { calls: 4096, bytes: 256 * 1024, call_bytes: 256 * 1024 };

/// The header of a root parcel with all that is optional left out.
pub(crate) fn header(first: u64) -> Header {
    let batch = BatchId::new(1_700_000_000_000, 42);
    Header {
        created_ms: 1_700_000_000_000,
        not_after_ms: 1_701_209_600_000,
        ..Header::new(ParcelId::root(batch, first), batch, first, "mail.send", "mail")
    }
}

/// A parcel whose calls have these encoded arguments.
pub(crate) fn pack<A: AsRef<[u8]>>(header: Header, calls: impl IntoIterator<Item = A>) -> Bytes {
    let mut packer = Packer::new(ROOMY);
    for call in calls {
        assert!(packer.fits(call.as_ref().len()), "the test's parcel is too large");
        packer.push(call.as_ref());
    }
    packer.encode(header)
}

/// The encoded arguments of one mail.
pub(crate) fn mail(to: &str, template: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let args = serde_json::json!({ "to": to, "template": template });
    encode_args(&args, &mut out).unwrap();
    out
}
