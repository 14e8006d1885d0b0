//! Checks what a dispatcher has in memory: received messages that it has not handed on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use celeriac_core::{
    Lane,
    ports::{
        Delivery, Invocation, InvokeError, Invoker, PortError, Queue, Receipt, Receive, Settlement, layers::QueueLayer,
    },
};
use futures::future::{BoxFuture, FutureExt as _};

use super::Limits;
use crate::facts::Shared;

/// The lanes and the bytes of received messages, by receipt.
pub(crate) type InHand = BTreeMap<Arc<str>, (&'static [Lane], usize)>;

/// A dispatcher's queue and its launcher, watched.
pub(crate) struct Dispatching {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) invoker: Arc<dyn Invoker>,
    pub(crate) facts: Shared,
    pub(crate) limits: Limits,
    /// The most bytes of an invocation of more than one parcel.
    pub(crate) message_bytes: usize,
    /// How many bytes of which lanes it has in memory, by receipt. Each lane has its own limit.
    pub(crate) in_hand: Mutex<InHand>,
}

impl Dispatching {
    fn takes(&self, lanes: &'static [Lane], deliveries: &[Delivery]) {
        let mut in_hand = self.in_hand();
        in_hand.extend(deliveries.iter().map(|of| (Arc::clone(&of.receipt.0), (lanes, of.body.len()))));
    }

    fn hands_on<'a>(&self, receipts: impl Iterator<Item = &'a Receipt>) {
        let mut in_hand = self.in_hand();
        receipts.for_each(|receipt| _ = in_hand.remove(&receipt.0));
    }

    fn violated(&self, what: String) {
        self.facts.lock().violated(what, None, None);
    }

    fn in_hand(&self) -> MutexGuard<'_, InHand> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueLayer for Dispatching {
    fn inner(&self) -> &dyn Queue {
        &*self.queue
    }

    fn receive(&self, request: Receive) -> BoxFuture<'_, Result<Vec<Delivery>, PortError>> {
        async move {
            let lanes = request.lanes;
            let bytes: usize = self.in_hand().values().filter(|(of, _)| *of == lanes).map(|(_, bytes)| bytes).sum();
            let Limits { receive, launch_bytes, .. } = self.limits;
            if bytes >= launch_bytes || request.max > receive {
                let more = request.max;
                self.violated(format!(
                    "a dispatcher with {bytes} bytes in hand, of at most {launch_bytes}, asks for {more} messages (G6)"
                ));
            }
            let deliveries = self.queue.receive(request).await?;
            self.takes(lanes, &deliveries);
            Ok(deliveries)
        }
        .boxed()
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        self.hands_on(settlements.iter().map(|settlement| &settlement.receipt));
        self.queue.settle(settlements)
    }
}

impl Invoker for Dispatching {
    fn room(&self, lane: Lane) -> BoxFuture<'_, usize> {
        self.invoker.room(lane)
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        async move {
            let deliveries = &invocation.deliveries;
            let (parcels, bytes) = (deliveries.len(), deliveries.iter().map(|of| of.body.len()).sum::<usize>());
            if parcels > self.limits.parcels || parcels > 1 && bytes > self.message_bytes {
                self.violated(format!("an invocation has {bytes} bytes and {parcels} parcels (G6)"));
            }
            let receipts: Vec<_> = deliveries.iter().map(|delivery| delivery.receipt.clone()).collect();
            let invoked = self.invoker.invoke(invocation).await;
            self.hands_on(receipts.iter());
            invoked
        }
        .boxed()
    }
}
