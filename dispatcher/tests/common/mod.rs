//! Makes parcels to dispatch.

use celeriac_core::{
    Lane,
    id::{BatchId, ParcelId},
    parcel::{Packer, Packing},
    ports::{Outgoing, Ports},
    wire::Header,
};

/// Sends this many parcels to a queue.
pub(crate) async fn send(ports: &Ports, queue: &str, parcels: u64) {
    send_in(ports, queue, Lane::Interactive, parcels).await;
}

/// Sends this many parcels to a lane of a queue.
pub(crate) async fn send_in(ports: &Ports, queue: &str, lane: Lane, parcels: u64) {
    let batch = BatchId::from_key(lane.name(), queue);
    let parcel = |first| {
        let mut packer = Packer::new(Packing { calls: 1, bytes: 1 << 16, call_bytes: 1 << 16 });
        packer.push(b"\xc0");
        let body = packer.encode(Header {
            not_after_ms: u64::MAX,
            lane: Some(lane),
            ..Header::new(ParcelId::root(batch, first), batch, first, "mail.send", queue)
        });
        Outgoing::of(queue, body, 0)
    };
    assert!(ports.queue.send((0..parcels).map(parcel).collect()).await.iter().all(Result::is_ok));
}
