//! Fuzzes a parcel's bytes: opens them as a worker does, reads the header as a dispatcher does, cuts them to a stub.

use bytes::Bytes;
use celeriac_core::{
    bitmap::Bitmap,
    id::{BatchId, ParcelId},
    parcel::{Packer, Packing, Parcel},
    ports::{ChildPlan, Seal},
    wire::{self, Header},
};

/// The bytes as they are, and with the checksum that they should have: no fuzzer would guess it.
pub fn run(data: &[u8]) {
    open(&Bytes::copy_from_slice(data));
    open(&Bytes::from([data, &crc32fast::hash(data).to_le_bytes()].concat()));
}

fn open(bytes: &Bytes) {
    let peeked = Header::peek(bytes);
    match wire::stub(bytes) {
        Ok(stub) => {
            assert!(wire::is_stub(&stub));
            assert_eq!(Header::peek(&stub).ok(), peeked.as_ref().ok().cloned());
            assert!(Parcel::open(&stub).is_err(), "a stub has no body");
        }
        Err(_) => assert!(peeked.is_err()),
    }
    let parcel = match Parcel::open(bytes) {
        Ok(parcel) => parcel,
        Err(error) => {
            // Four kilobytes of header, each byte of which may take six to be shown.
            assert!(error.to_string().len() < 32_000, "a refusal of {} bytes", error.to_string().len());
            return;
        }
    };
    assert_eq!(peeked.as_ref().ok(), Some(&parcel.header));
    // All of it again, every other one, and none.
    for calls in [Bitmap::full(parcel.count()), (0..parcel.count()).step_by(2).collect(), Bitmap::new()] {
        let plan = ChildPlan { calls, attempt: 2, due_ms: u64::MAX };
        let expected = plan.calls.len();
        for child in parcel.children(&Seal { children: vec![plan] }) {
            let child = Parcel::open(&child.body).expect("what is made of a parcel is one");
            assert_eq!(child.count(), expected);
            assert_eq!(child.header.parent, Some(parcel.header.id));
        }
    }
    for position in 0..parcel.count() {
        let (_, _) = (parcel.call(position).to_string(), parcel.args(position));
    }
}

/// Parcels without their checksums, whole ones and one that is compressed; a child with gaps; a stub.
pub fn seeds() -> Vec<Vec<u8>> {
    let one = pack(header(0), 1);
    let many =
        pack(Header { counted: true, expires_ms: Some(1 << 41), tenant: Some("ada".to_owned()), ..header(40) }, 60);
    let calls = [1, 2, 19, 39].into_iter().collect();
    let seal = Seal { children: vec![ChildPlan { calls, attempt: 2, due_ms: 1 << 41 }] };
    let child = Parcel::open(&many).expect("it was just packed").children(&seal).remove(0).body;
    let stub = wire::stub(&one).expect("it was just packed");
    let bare = |parcel: &Bytes| parcel[..parcel.len() - 4].to_vec();
    vec![bare(&one), bare(&many), bare(&child), stub.to_vec(), one.to_vec()]
}

fn pack(header: Header, calls: u32) -> Bytes {
    let mut packer = Packer::new(Packing { calls: 4096, bytes: 256 << 10, call_bytes: 256 << 10 });
    for _ in 0..calls {
        packer.push(b"\x82\xa2to\xafada@example.org\xa8template\xa7welcome");
    }
    packer.encode(header)
}

fn header(first: u64) -> Header {
    let batch = BatchId::new(1_700_000_000_000, 42);
    Header {
        created_ms: 1_700_000_000_000,
        not_after_ms: 1_701_209_600_000,
        ..Header::new(ParcelId::root(batch, first), batch, first, "mail.send", "mail")
    }
}
