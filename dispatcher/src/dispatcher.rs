//! The dispatcher's loop: waits for capacity, receives, plans, launches.

use std::{sync::Arc, time::Duration};

use celeriac_core::{
    Lane,
    ports::{Delivery, Invoker, LaneLoop, PortError, Ports, Receive, Turns},
    protocol::put_aside,
};
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::{
    DispatcherOptions, LaunchPlan, Launched,
    launch::launch,
    launches::{LaunchLoad, Launches},
    plan,
};

/// The pause after a queue could not be read.
const UNAVAILABLE: Duration = Duration::from_secs(1);

/// Receives parcels and launches workers for them.
pub struct Dispatcher {
    ports: Ports,
    invoker: Arc<dyn Invoker>,
    options: DispatcherOptions,
}

impl Dispatcher {
    /// A dispatcher for these queues.
    pub fn new(ports: Ports, invoker: Arc<dyn Invoker>, options: DispatcherOptions) -> Self {
        Self { ports, invoker, options }
    }

    /// Dispatches until it is stopped. Messages received after that return to their queue at once; launches in flight
    /// are completed. Each lane has a loop of its own, so that none waits for room of the other.
    ///
    /// # Errors
    /// [`PortError::Gone`]: the store no longer exists.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), PortError> {
        let stop = stop.child_token();
        let serve = |of| {
            let stop = &stop;
            async move {
                let served = self.serve(of, stop).await;
                if served.is_err() {
                    stop.cancel();
                }
                served
            }
        };
        join_all(self.ports.profile.lanes.loops().iter().map(serve)).await.into_iter().collect()
    }

    async fn serve(&self, of: &LaneLoop, stop: &CancellationToken) -> Result<(), PortError> {
        let mut turns = Turns::new(self.options.queues.clone());
        let mut launches = Launches::new(self.options.bytes);
        loop {
            let rooms = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                rooms = self.room(of.places, &mut launches) => rooms,
            };
            // `stop` does not cut this short: received messages would stay hidden for a whole lease.
            let received = launches.meanwhile(self.receive(turns.take(), of.lanes, rooms)).await;
            match received {
                Ok(deliveries) if stop.is_cancelled() => {
                    self.give_back(deliveries).await;
                    break;
                }
                Ok(deliveries) if deliveries.is_empty() => {}
                Ok(deliveries) => {
                    launches.add(load(&deliveries), self.dispatch_in(of.places, deliveries, rooms));
                }
                Err(error @ PortError::Gone { .. }) => {
                    launches.all().await;
                    return Err(error);
                }
                Err(error) => {
                    tracing::warn!(%error, "the queue cannot be read");
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => break,
                        () = launches.meanwhile(self.ports.clock.sleep(UNAVAILABLE)) => {}
                    }
                }
            }
        }
        launches.all().await;
        Ok(())
    }

    /// How many more invocations may be launched, in addition to those in flight.
    async fn room(&self, lane: Lane, launches: &mut Launches<'_>) -> usize {
        let room = launches.room().await;
        launches.meanwhile(self.invoker.room(lane)).await.min(room)
    }

    /// Plans and launches invocations for these deliveries, at most `rooms` of them. Their messages are already hidden
    /// for a lease.
    pub async fn dispatch(&self, deliveries: Vec<Delivery>, rooms: usize) -> Launched {
        self.dispatch_in(Lane::Bulk, deliveries, rooms).await
    }

    async fn dispatch_in(&self, places: Lane, deliveries: Vec<Delivery>, rooms: usize) -> Launched {
        let plan = self.plan(deliveries, rooms).with_places(places);
        launch(&self.ports, &*self.invoker, &self.options, plan, std::future::ready(())).await
    }

    /// Does the same for messages whose remaining hidden time is unknown: hides those of launched workers for a lease
    /// at the same time. The claim corrects any failure of that: a process that receives a message too early finds its
    /// parcel held.
    pub async fn hide_and_dispatch(&self, deliveries: Vec<Delivery>, rooms: usize) -> Launched {
        let plan = self.plan(deliveries, rooms);
        self.hide_and_launch_planned(plan).await
    }

    /// Does the same, and returns the deliveries for which there is no capacity instead of putting them back.
    pub(crate) async fn hide_and_launch(&self, deliveries: Vec<Delivery>, rooms: usize) -> (Launched, Vec<Delivery>) {
        let mut plan = self.plan(deliveries, rooms);
        let rest = std::mem::take(&mut plan.excess);
        (self.hide_and_launch_planned(plan).await, rest)
    }

    async fn hide_and_launch_planned(&self, plan: LaunchPlan) -> Launched {
        let until_ms = self.ports.clock.now_ms() + self.ports.profile.lease_ms;
        let launching = plan.invocations.iter().flat_map(|invocation| &invocation.deliveries);
        let hides = launching.map(|delivery| delivery.hidden(until_ms)).collect();
        launch(&self.ports, &*self.invoker, &self.options, plan, put_aside(&self.ports, hides)).await
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    fn plan(&self, deliveries: Vec<Delivery>, rooms: usize) -> LaunchPlan {
        plan(deliveries, self.ports.profile.message_bytes, rooms, &self.options)
    }

    async fn receive(
        &self,
        queues: Vec<Arc<str>>,
        lanes: &'static [Lane],
        rooms: usize,
    ) -> Result<Vec<Delivery>, PortError> {
        let request = Receive {
            queues,
            lanes,
            max: rooms.min(self.options.receive),
            hide_ms: self.ports.profile.lease_ms,
            wait_ms: self.options.wait_ms,
        };
        self.ports.queue.receive(request).await
    }

    async fn give_back(&self, deliveries: Vec<Delivery>) {
        let until_ms = self.ports.clock.now_ms();
        put_aside(&self.ports, deliveries.iter().map(|delivery| delivery.hidden(until_ms)).collect()).await;
    }
}

fn load(deliveries: &[Delivery]) -> LaunchLoad {
    LaunchLoad { parcels: deliveries.len(), bytes: deliveries.iter().map(|delivery| delivery.body.len()).sum() }
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher").field("options", &self.options).finish_non_exhaustive()
    }
}
