//! Sends messages anew before SQS deletes them. SQS counts 14 days from when a message was first sent, also in a
//! dead-letter queue, and then deletes it without a word (its guide, "Setting-up dead-letter queue retention"). The
//! parcel's own time may be later, and its calls must end.

use celeriac_core::{
    ports::{Delivery, Outgoing, Queue},
    wire::{Header, WireError},
};

/// The age at which a message is sent anew: two days before SQS deletes it.
const OLD_MS: u64 = 12 * 86_400_000;

/// Sends messages anew that SQS deletes soon, and only then deletes the old ones. Returns the other deliveries, among
/// them those whose parcel is too old to run, which their receiver ends.
pub async fn renew(queue: &dyn Queue, deliveries: Vec<Delivery>, now_ms: u64) -> Vec<Delivery> {
    let (old, mut rest): (Vec<_>, Vec<_>) = deliveries.into_iter().partition(|delivery| is_old(delivery, now_ms));
    if old.is_empty() {
        return rest;
    }
    let message = |delivery: &Delivery| Outgoing::of(delivery.queue.clone(), delivery.body.clone(), 0);
    let sent = queue.send(old.iter().map(message).collect()).await;
    let mut deletes = Vec::new();
    for (delivery, sent) in old.into_iter().zip(sent) {
        match sent {
            Ok(()) => deletes.push(delivery.deleted()),
            Err(error) => {
                tracing::warn!(%error, queue = %delivery.queue, "an old message could not be sent anew");
                rest.push(delivery);
            }
        }
    }
    tracing::info!(messages = deletes.len(), "sent messages anew that SQS would delete in two days");
    for error in queue.settle(deletes).await.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "there are two copies of a message, which is harmless");
    }
    rest
}

fn is_old(delivery: &Delivery, now_ms: u64) -> bool {
    let sent_ms = delivery.sent_ms;
    let is_old = sent_ms > 0 && now_ms >= sent_ms.saturating_add(OLD_MS);
    is_old
        && match Header::peek(&delivery.body) {
            Ok(header) => now_ms <= header.not_after_ms,
            // It waits for a program that can read when it is too old.
            Err(error) => matches!(error, WireError::Newer { .. }),
        }
}
