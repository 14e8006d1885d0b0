//! Makes parcels to dispatch.

use celeriac_core::{
    id::{BatchId, ParcelId},
    parcel::{Packer, Packing},
    ports::{Outgoing, Ports},
    wire::Header,
};

/// Sends this many parcels to a queue.
pub(crate) async fn send(ports: &Ports, queue: &str, parcels: u64) {
    let batch = BatchId::from_key("mail.send", queue);
    let parcel = |first| {
        let mut packer = Packer::new(Packing { calls: 1, bytes: 1 << 16, call_bytes: 1 << 16 });
        packer.push(b"\xc0");
        let body = packer.encode(Header {
            not_after_ms: u64::MAX,
            ..Header::new(ParcelId::root(batch, first), batch, first, "mail.send", queue)
        });
        Outgoing { queue: queue.into(), body, due_ms: 0 }
    };
    assert!(ports.queue.send((0..parcels).map(parcel).collect()).await.iter().all(Result::is_ok));
}
