//! The queue within a function whose event came from a mapping: the mapping deletes the event's messages once the
//! function's answer permits it. That saves a request. The function's code deletes them in the usual way.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::{BoxFuture, FutureExt as _};

use celeriac_core::ports::{Delivery, PortError, Queue, Receipt, Settle, Settlement, layers::QueueLayer};

/// A queue that leaves the deletion of an event's messages to their mapping. Several events may be handled at a time.
#[derive(Clone)]
pub struct Mapped {
    queue: Arc<dyn Queue>,
    deliveries: Arc<Mutex<BTreeMap<Arc<str>, Mark>>>,
}

/// The deliveries of one event, until this ends or is dropped. After that each deletion is a request.
#[derive(Debug)]
pub struct MappedEvent {
    mapped: Mapped,
    receipts: Vec<Arc<str>>,
}

/// A delivery of the events that are being handled.
#[derive(Debug, Default)]
struct Mark {
    /// How many events have it: more than one if Lambda delivers an event twice.
    events: usize,
    /// Whether its mapping may delete it.
    deleted: bool,
}

impl Mapped {
    /// A queue without an event yet: each deletion is a request.
    pub fn new(queue: Arc<dyn Queue>) -> Self {
        Self { queue, deliveries: Arc::default() }
    }

    /// Begins an event with these deliveries.
    pub fn begin(&self, deliveries: &[Delivery]) -> MappedEvent {
        let receipts: Vec<_> = deliveries.iter().map(|delivery| Arc::clone(&delivery.receipt.0)).collect();
        let mut marks = self.marks();
        for receipt in &receipts {
            marks.entry(Arc::clone(receipt)).or_default().events += 1;
        }
        drop(marks);
        MappedEvent { mapped: self.clone(), receipts }
    }

    /// Marks a message for deletion by the mapping, if it belongs to an event.
    fn delete(&self, receipt: &Receipt) -> bool {
        self.marks().get_mut(&receipt.0).map(|mark| mark.deleted = true).is_some()
    }

    fn marks(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Mark>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MappedEvent {
    /// Ends the event and returns the receipts that may be deleted.
    pub fn end(self) -> Vec<Receipt> {
        let marks = self.mapped.marks();
        let is_deleted = |receipt: &&Arc<str>| marks.get(*receipt).is_some_and(|mark| mark.deleted);
        self.receipts.iter().filter(is_deleted).cloned().map(Receipt).collect()
    }
}

impl Drop for MappedEvent {
    fn drop(&mut self) {
        let mut marks = self.mapped.marks();
        for receipt in &self.receipts {
            if let Some(mark) = marks.get_mut(receipt) {
                mark.events -= 1;
                if mark.events == 0 {
                    marks.remove(receipt);
                }
            }
        }
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
        f.debug_struct("Mapped").field("deliveries", &self.marks().len()).finish_non_exhaustive()
    }
}
