//! The queues as a program on AWS sees them: delays are whole seconds, and buried messages go to a dead-letter queue.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use celeriac_core::ports::{Clock, Outgoing, PortError, Queue, SendError, Settle, Settlement, layers::QueueLayer};
use futures::future::{BoxFuture, FutureExt as _};

/// The longest delay of SQS. EventBridge Scheduler sends later messages.
const LONGEST_DELAY_MS: u64 = 900_000;

/// How long a message is held while it is being buried.
const HELD_MS: u64 = 60_000;

/// Why messages were buried, by their bodies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reasons(Arc<Mutex<BTreeMap<Bytes, String>>>);

impl Reasons {
    pub(super) fn of(&self, body: &Bytes) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(body).cloned()
    }

    fn note(&self, body: &Bytes, reason: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(body.clone(), reason.to_owned());
    }
}

/// The queues as a program on AWS sees them.
pub(crate) struct Sqs {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) reasons: Reasons,
}

impl QueueLayer for Sqs {
    fn inner(&self) -> &dyn Queue {
        &*self.queue
    }

    fn send(&self, messages: Vec<Outgoing>) -> BoxFuture<'_, Vec<Result<(), SendError>>> {
        let now_ms = self.clock.now_ms();
        let whole = |message: Outgoing| Outgoing { due_ms: in_whole_seconds(message.due_ms, now_ms), ..message };
        self.queue.send(messages.into_iter().map(whole).collect())
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        async move {
            let buries = |settlement: &Settlement| matches!(settlement.settle, Settle::Bury { .. });
            let others: Vec<_> = settlements.iter().filter(|settlement| !buries(settlement)).cloned().collect();
            let mut settled = if others.is_empty() { Vec::new() } else { self.queue.settle(others).await };
            settled.reverse();
            let mut answers = Vec::with_capacity(settlements.len());
            for settlement in settlements {
                answers.push(if buries(&settlement) {
                    self.bury(settlement).await
                } else {
                    settled.pop().unwrap_or(Ok(()))
                });
            }
            answers
        }
        .boxed()
    }
}

impl Sqs {
    async fn bury(&self, settlement: Settlement) -> Result<(), PortError> {
        let Settle::Bury { reason, body } = &settlement.settle else { return Ok(()) };
        let hold = Settle::Hide { until_ms: self.clock.now_ms() + HELD_MS };
        one(self.queue.settle(vec![Settlement { settle: hold, ..settlement.clone() }]).await)?;
        self.reasons.note(body, reason);
        let dead = Outgoing::of(format!("{}-dead", settlement.queue), body.clone(), 0);
        self.queue.send(vec![dead]).await.pop().unwrap_or(Ok(()))?;
        one(self.queue.settle(vec![settlement]).await)
    }
}

fn one(mut settled: Vec<Result<(), PortError>>) -> Result<(), PortError> {
    settled.pop().unwrap_or(Ok(()))
}

/// A delay of SQS is rounded down to seconds; EventBridge Scheduler rounds up.
fn in_whole_seconds(due_ms: u64, now_ms: u64) -> u64 {
    match due_ms.saturating_sub(now_ms) {
        0 => due_ms,
        delay_ms if delay_ms <= LONGEST_DELAY_MS => due_ms - delay_ms % 1000,
        _ => due_ms.next_multiple_of(1000),
    }
}
