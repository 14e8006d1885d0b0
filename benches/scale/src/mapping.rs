//! Simulates the mapping of the queue onto the dispatcher's function: it receives up to ten messages at a time, invokes
//! the function with them and waits. It does five of these at a time at first, then three hundred more a minute, up to
//! its limit.

use std::{sync::Arc, time::Duration};

use celeriac_core::{
    Lane,
    ports::{Clock, Delivery, Queue, Receive},
};
use celeriac_sim::{Host, Sim};
use tokio::sync::oneshot;

use crate::{
    aws::Aws,
    event,
    function::{Caller, Event, Function},
    limits,
};

/// How long a poll waits for messages: the longest that SQS does.
const WAIT_MS: u64 = 20_000;

/// How often to check whether it may do more at a time.
const LOOK: Duration = Duration::from_secs(1);

/// The mapping.
#[derive(Clone)]
pub(crate) struct Mapping {
    host: Host,
    clock: Arc<dyn Clock>,
    queue: Arc<dyn Queue>,
    name: Arc<str>,
    function: Function,
    aws: Aws,
    most: usize,
}

impl Mapping {
    /// Starts a mapping with at most this many invocations at a time.
    pub(crate) fn start(
        sim: &mut Sim,
        name: &str,
        queue: impl FnOnce(&Host) -> Arc<dyn Queue>,
        function: Function,
        aws: Aws,
        most: usize,
    ) {
        let host = sim.boot("the mapping of the queue", 0);
        let (clock, queue) = (host.clock(), queue(&host));
        let mapping = Self { clock, queue, name: name.into(), function, aws, most, host };
        mapping.host.spawn(mapping.clone().grow());
    }

    async fn grow(self) {
        let began_us = self.clock.monotonic_us();
        let mut slots = 0;
        while slots < self.most {
            let passed_s = (self.clock.monotonic_us() - began_us) as f64 / 1e6;
            let may = ((limits::MAPPING + limits::MAPPING_STEP / 60.0 * passed_s) as usize).min(self.most);
            (slots..may).for_each(|_| self.host.spawn(self.clone().serve()));
            slots = may;
            self.clock.sleep(LOOK).await;
        }
    }

    async fn serve(self) {
        let request = Receive {
            queues: vec![Arc::clone(&self.name)],
            lanes: Lane::ALL,
            max: limits::SQS_BATCH,
            hide_ms: limits::MAPPING_HIDES.as_millis() as u64,
            wait_ms: WAIT_MS,
        };
        loop {
            match self.queue.receive(request.clone()).await {
                Ok(deliveries) if !deliveries.is_empty() => self.handle(&deliveries).await,
                Ok(_) => {}
                Err(_) => self.clock.sleep(LOOK).await,
            }
        }
    }

    async fn handle(&self, deliveries: &[Delivery]) {
        {
            let mut state = self.aws.state();
            state.in_hand = state.in_hand.max(deliveries.iter().map(|delivery| delivery.body.len()).sum());
        }
        self.aws.count("Lambda", "Invoke", 1.0);
        let (answer, answered) = oneshot::channel();
        let text = event::messages(&self.name, deliveries);
        let (caller, accepted_us) = (Caller { answer, host: self.host.clone() }, self.clock.monotonic_us());
        self.function.call(Event { text, caller: Some(caller), accepted_us });
        // The messages of a failed event stay hidden.
        let Ok(Some(answer)) = answered.await else { return };
        let deletes = event::deletes(&answer, deliveries);
        let goes = deliveries.iter().filter(|delivery| deletes.contains(&*delivery.receipt.0)).map(Delivery::deleted);
        let goes: Vec<_> = goes.collect();
        if !goes.is_empty() {
            // Undeleted messages return.
            drop(self.queue.settle(goes).await);
        }
    }
}
