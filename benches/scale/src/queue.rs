//! Simulates the queue on SQS: messages as text, in batches limited by size, with some milliseconds for each request.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use celeriac_core::{
    portions::{Most, portions},
    ports::{Delivery, Outgoing, PortError, Queue, Receive, SendError, Settle, Settlement, layers::QueueLayer},
};
use futures::{
    StreamExt as _,
    future::{BoxFuture, FutureExt as _},
    stream,
};

use crate::{aws::Way, limits};

/// How many requests of one call to the port are in flight at a time (`backends/aws/src/send.rs`).
const FLIGHTS: usize = 16;

/// About how many bytes an entry of a batch has beside its text (`backends/aws/src/send.rs`).
const ENTRY_BYTES: usize = 128;

/// The queue as SQS has it.
pub(crate) struct Sqs {
    queue: Arc<dyn Queue>,
    way: Way,
    /// When the line to SQS is free again, in microseconds: it sends one byte after the other.
    line_us: Mutex<u64>,
}

impl Sqs {
    pub(crate) fn new(queue: Arc<dyn Queue>, way: Way) -> Self {
        Self { queue, way, line_us: Mutex::default() }
    }

    async fn request(&self, operation: &'static str, bytes: usize) {
        self.uploads(bytes).await;
        self.way.takes(limits::SQS).await;
        self.way.aws.count("SQS", operation, billed(bytes));
    }

    /// Waits until this many bytes have left the machine.
    async fn uploads(&self, bytes: usize) {
        let now_us = self.way.clock.monotonic_us();
        let left_us = {
            let mut line_us = self.line_us.lock().unwrap_or_else(PoisonError::into_inner);
            *line_us = (*line_us).max(now_us) + (bytes as f64 / limits::UPLINK_BYTES * 1e6) as u64;
            *line_us - now_us
        };
        if left_us > 0 {
            self.way.clock.sleep(Duration::from_micros(left_us)).await;
        }
    }

    /// Makes requests of these sizes, some at a time.
    async fn requests(&self, operation: &'static str, sizes: Vec<usize>) {
        stream::iter(sizes)
            .map(|bytes| self.request(operation, bytes))
            .buffer_unordered(FLIGHTS)
            .collect::<Vec<()>>()
            .await;
    }
}

impl QueueLayer for Sqs {
    fn inner(&self) -> &dyn Queue {
        &*self.queue
    }

    fn send(&self, messages: Vec<Outgoing>) -> BoxFuture<'_, Vec<Result<(), SendError>>> {
        async move {
            let sizes = messages.iter().map(|message| text(message.body.len()) + ENTRY_BYTES);
            self.requests("SendMessageBatch", batches(sizes)).await;
            self.queue.send(messages).await
        }
        .boxed()
    }

    fn receive(&self, request: Receive) -> BoxFuture<'_, Result<Vec<Delivery>, PortError>> {
        async move {
            let received = self.queue.receive(request).await?;
            self.way.takes(limits::MAPPED).await;
            let bytes = received.iter().map(|delivery| text(delivery.body.len()) + ENTRY_BYTES).sum();
            self.way.aws.count("SQS", "ReceiveMessage", billed(bytes));
            Ok(received)
        }
        .boxed()
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        async move {
            for (operation, deletes) in [("DeleteMessageBatch", true), ("ChangeMessageVisibilityBatch", false)] {
                let count = settlements.iter().filter(|of| (of.settle == Settle::Delete) == deletes).count();
                self.requests(operation, vec![0; count.div_ceil(limits::SQS_BATCH)]).await;
            }
            self.queue.settle(settlements).await
        }
        .boxed()
    }
}

/// How many characters a parcel of this many bytes has as base64 text.
pub(crate) fn text(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// How many requests SQS bills for this many bytes.
pub(crate) fn billed(bytes: usize) -> f64 {
    bytes.div_ceil(limits::SQS_BILLED_BYTES).max(1) as f64
}

/// Fills batches to the limits of SQS, in order. Returns the size of each.
pub(crate) fn batches(sizes: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let most = Most { items: limits::SQS_BATCH, bytes: limits::SQS_BATCH_BYTES };
    portions(sizes, most, |size| *size).map(|batch| batch.iter().sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_full_by_count_or_by_bytes() {
        assert_eq!(batches([100; 25]), [1000, 1000, 500]);
        assert_eq!(batches([250_000; 9]), [1_000_000, 1_000_000, 250_000]);
        assert_eq!((billed(0) as u64, billed(limits::SQS_BATCH_BYTES) as u64), (1, 16));
    }
}
