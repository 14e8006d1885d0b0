//! Parcels of a newer wire version, which old programs cannot read. The version after this one is this one under
//! another number: new programs read both.

use std::sync::Arc;

use bytes::Bytes;
use celeriac_core::{
    id::{BatchId, ParcelId},
    parcel::{Packer, Packing},
    ports::{Delivery, Outgoing, PortError, Queue, Receive, layers::QueueLayer},
    task::Task as _,
    wire::{Header, KEPT_MS, VERSION, encode_args},
};
use celeriac_sim::{BEGIN_MS, Sim};
use futures::future::{BoxFuture, FutureExt as _};

use crate::{
    facts::Shared,
    tasks::{Args, Quick},
};

const NEWER: u8 = VERSION + 1;

/// Sends the parcel with this number, of one call.
pub(crate) fn send(sim: &mut Sim, facts: &Shared, number: u64) {
    let batch = BatchId::from_key("newer", &number.to_string());
    let now_ms = BEGIN_MS + sim.now().as_millis() as u64;
    let header = Header {
        created_ms: now_ms,
        not_after_ms: now_ms + KEPT_MS,
        ..Header::new(ParcelId::root(batch, 0), batch, 0, Quick::NAME, Quick::OPTIONS.queue)
    };
    let mut args = Vec::new();
    encode_args(&Args::NONE, &mut args).expect("numbers and names can be encoded");
    let mut packer = Packer::new(Packing { calls: 1, bytes: 4096, call_bytes: 4096 });
    packer.push(&args);
    let body = packer.encode(header);
    let message = Outgoing::of(Quick::OPTIONS.queue, body, 0);
    let now_us = sim.now().as_micros() as u64;
    {
        let mut known = facts.lock();
        known.sent(&message, now_us);
        known.told.calls.insert(batch.call(0));
    }
    sim.drop_in(&message.queue, with_version(&message.body, NEWER));
}

/// Whether it is such a parcel.
pub(crate) fn is(body: &[u8]) -> bool {
    body.first() == Some(&NEWER)
}

/// The same parcel as old programs would have it.
pub(crate) fn read(body: &Bytes) -> Bytes {
    if is(body) { with_version(body, VERSION) } else { body.clone() }
}

/// Every other byte stays. So its checksum is right only under the version under which it was made.
fn with_version(body: &[u8], version: u8) -> Bytes {
    [&[version], &body[1..]].concat().into()
}

/// The queue as a new program has it, which reads both versions.
pub(crate) struct Reads(pub(crate) Arc<dyn Queue>);

impl QueueLayer for Reads {
    fn inner(&self) -> &dyn Queue {
        &*self.0
    }

    fn receive(&self, request: Receive) -> BoxFuture<'_, Result<Vec<Delivery>, PortError>> {
        async move {
            let deliveries = self.0.receive(request).await?;
            Ok(deliveries.into_iter().map(|of| Delivery { body: read(&of.body), ..of }).collect())
        }
        .boxed()
    }
}
