//! The queue within a function whose event came from a mapping: the mapping deletes the event's messages once the
//! function's answer permits it. That saves a request. The function's code deletes them in the usual way.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::{BoxFuture, FutureExt as _};

use celeriac_core::ports::{Delivery, PortError, Queue, Receipt, Settle, Settlement, layers::QueueLayer};

/// A queue that leaves the deletion of the event's messages to their mapping.
#[derive(Clone)]
pub struct Mapped {
    queue: Arc<dyn Queue>,
    /// The deliveries of the event, by receipt, and whether each may be deleted.
    event: Arc<Mutex<BTreeMap<Arc<str>, bool>>>,
}

impl Mapped {
    /// A queue without an event yet: each deletion is a request.
    pub fn new(queue: Arc<dyn Queue>) -> Self {
        Self { queue, event: Arc::default() }
    }

    /// Begins an event with these deliveries.
    pub fn begin(&self, deliveries: &[Delivery]) {
        *self.event() = deliveries.iter().map(|delivery| (Arc::clone(&delivery.receipt.0), false)).collect();
    }

    /// Ends the event and returns the receipts that may be deleted. From now on each deletion is a request again.
    pub fn end(&self) -> Vec<Receipt> {
        let event = std::mem::take(&mut *self.event());
        event.into_iter().filter(|(_, deleted)| *deleted).map(|(receipt, _)| Receipt(receipt)).collect()
    }

    /// Marks a message for deletion by the mapping, if it belongs to the event.
    fn delete(&self, receipt: &Receipt) -> bool {
        self.event().get_mut(&receipt.0).map(|deleted| *deleted = true).is_some()
    }

    fn event(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, bool>> {
        self.event.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueLayer for Mapped {
    fn inner(&self) -> &dyn Queue {
        &*self.queue
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        async move {
            let mut settled: Vec<_> = settlements.iter().map(|_| Ok(())).collect();
            let (mut places, mut asked) = (Vec::new(), Vec::new());
            for (at, settlement) in settlements.into_iter().enumerate() {
                if settlement.settle != Settle::Delete || !self.delete(&settlement.receipt) {
                    let buries = matches!(settlement.settle, Settle::Bury { .. });
                    places.push((at, buries.then(|| settlement.receipt.clone())));
                    asked.push(settlement);
                }
            }
            if asked.is_empty() {
                return settled;
            }
            for ((at, buried), answer) in places.into_iter().zip(self.queue.settle(asked).await) {
                // The message is gone from the queue.
                if let (Some(receipt), Ok(())) = (buried, &answer) {
                    self.delete(&receipt);
                }
                settled[at] = answer;
            }
            settled
        }
        .boxed()
    }
}

impl std::fmt::Debug for Mapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mapped").field("event", &self.event().len()).finish_non_exhaustive()
    }
}
