//! Simulates a mapping of a queue onto a function: pollers receive messages, invoke the function, and delete the
//! messages that it does not keep.

use std::{sync::Arc, time::Duration};

use celeriac_core::Lane;
use celeriac_core::ports::{Delivery, Ports, Receive};
use celeriac_sim::{Fate, Host};
use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    event,
    function::{Event, Function, Outcome},
    launches::Launches,
    sqs::Reasons,
};
use crate::{facts, mutation::Mutation};

/// The most messages of an event.
const BATCH: usize = 10;

/// How long a poll waits.
const POLL_MS: u64 = 20_000;

/// The pause of a poller after a failed receive.
const PAUSE: Duration = Duration::from_secs(1);

/// How much later each poller starts than the previous one: a lasting backlog gets more pollers.
const RAMP: Duration = Duration::from_millis(200);

/// A mapping of a queue onto a function.
#[derive(Clone)]
pub(super) struct Mapping {
    pub(super) queue: Arc<str>,
    pub(super) function: Function,
    /// The queue's visibility timeout.
    pub(super) hide_ms: u64,
    pub(super) host: Host,
    pub(super) ports: Ports,
    pub(super) fate: Fate,
    pub(super) facts: facts::Shared,
    pub(super) launches: Launches,
    pub(super) reasons: Reasons,
    pub(super) mutation: Option<Mutation>,
}

impl Mapping {
    /// Starts this many pollers: the maximum concurrency.
    pub(super) fn start(&self, pollers: usize) {
        for number in 0..pollers {
            let (mapping, clock) = (self.clone(), Arc::clone(&self.ports.clock));
            self.host.spawn(async move {
                clock.sleep(RAMP * number as u32).await;
                loop {
                    mapping.poll().await;
                }
            });
        }
    }

    async fn poll(&self) {
        let request = Receive {
            queues: vec![Arc::clone(&self.queue)],
            lanes: Lane::ALL,
            max: BATCH,
            hide_ms: self.hide_ms,
            wait_ms: POLL_MS,
        };
        match self.ports.queue.receive(request).await {
            Ok(deliveries) if deliveries.is_empty() => {}
            Ok(deliveries) => self.handle(&deliveries).await,
            Err(_) => self.ports.clock.sleep(PAUSE).await,
        }
    }

    async fn handle(&self, deliveries: &[Delivery]) {
        if &*self.queue == "failures" {
            for request in deliveries.iter().filter_map(|delivery| event::reported(&delivery.body)) {
                self.launches.reported(&request);
            }
        }
        let text = match self.mutation {
            Some(Mutation::AgeUnknown) => {
                let young = deliveries.iter().map(|delivery| Delivery { sent_ms: 0, ..delivery.clone() });
                event::messages(&self.queue, &young.collect::<Vec<_>>(), &self.reasons)
            }
            _ => event::messages(&self.queue, deliveries, &self.reasons),
        };
        let told = self.mutation.map_or(text.clone(), |mutation| mutation.twist_event(&text));
        // The messages of a failed event stay hidden.
        let Outcome::Answered(mut answer) = self.invoke(told.into()).await else { return };
        if let Some(mutation) = self.mutation {
            answer = mutation.twist_answer(&serde_json::from_str(&text).unwrap_or_default(), answer);
        }
        self.delete(deliveries, &answer).await;
    }

    async fn invoke(&self, text: Arc<str>) -> Outcome {
        let (answer, answered) = oneshot::channel();
        let (function, host, since_us) = (self.function.clone(), self.host.clone(), self.fate.now_us());
        self.fate.after(Duration::from_millis(1), move |sim| {
            let request = function.number();
            let reply = Box::new(move |outcome| {
                host.spawn(async move {
                    // The poller waits for the answer.
                    drop(answer.send(outcome));
                });
            });
            function.take(sim, Event { request, text, since_us, reply: Some(reply) });
        });
        answered.await.unwrap_or(Outcome::Failed)
    }

    async fn delete(&self, deliveries: &[Delivery], answer: &Value) {
        let stays = match event::stays(answer, deliveries) {
            Ok(stays) => stays,
            Err(what) => return self.facts.lock().violated(what, None, None),
        };
        let goes = deliveries.iter().filter(|delivery| !stays.contains(&event::message_id(delivery)));
        let goes: Vec<_> = goes.map(Delivery::deleted).collect();
        if !goes.is_empty() {
            // Undeleted messages return.
            drop(self.ports.queue.settle(goes).await);
        }
    }
}
