//! Parcels to dispatch.

use celeriac_core::{
    id::{BatchId, ParcelId},
    ports::{Outgoing, Ports},
    wire::{Header, Packer, Packing},
};

/// Sends so many parcels to a queue.
pub(crate) async fn send(ports: &Ports, queue: &str, parcels: u64) {
    let batch = BatchId::from_key("mail.send", queue);
    let parcel = |first| {
        let mut packer = Packer::new(Packing { calls: 1, bytes: 1 << 16, call_bytes: 1 << 16 });
        packer.push(b"\xc0");
        let body = packer.encode(Header {
            id: ParcelId::root(batch, first),
            parent: None,
            batch,
            recorded: false,
            task: "mail.send".to_owned(),
            queue: queue.to_owned(),
            first,
            count: 0,
            attempt: 1,
            hops: 0,
            created_ms: 0,
            due_ms: 0,
            expires_ms: None,
            not_after_ms: u64::MAX,
            tenant: None,
            call_ms: 0,
            died_ms: None,
        });
        Outgoing { queue: queue.into(), body, due_ms: 0 }
    };
    assert!(ports.queue.send((0..parcels).map(parcel).collect()).await.iter().all(Result::is_ok));
}
