//! Decides which parcels go into one invocation. A pure function of their headers and sizes.

use celeriac_core::{
    Lane,
    ports::{Delivery, Invocation},
    wire::{Header, WireError},
};

use crate::DispatcherOptions;

/// What to do with a set of deliveries.
#[derive(Debug, Default)]
pub struct LaunchPlan {
    /// The invocations, in the order in which the messages came.
    pub invocations: Vec<Invocation>,
    /// Messages that are not parcels, and why.
    pub unreadable: Vec<(Delivery, WireError)>,
    /// Parcels that only a newer program can read, and how they differ: they are put back.
    pub newer: Vec<(Delivery, WireError)>,
    /// Deliveries beyond the cap on outstanding invocations: they go back to their queue, where the backlog is visible
    /// and ordered.
    pub excess: Vec<Delivery>,
}

impl LaunchPlan {
    /// The same plan, whose invocations take places of this lane.
    pub(crate) fn with_places(mut self, lane: Lane) -> Self {
        self.invocations.iter_mut().for_each(|invocation| invocation.lane = lane);
        self
    }
}

/// An invocation that is being filled.
struct Filling {
    task: String,
    bytes: usize,
    work_ms: u64,
    deliveries: Vec<Delivery>,
}

/// Packs parcels of one task into one invocation. Together they are no larger than one full parcel, which an Invoke
/// bills as one request, and have no more work than `options.work_ms`. `rooms` is how many invocations may be
/// outstanding: parcels are not packed together while there is a free worker for each.
pub fn plan(deliveries: Vec<Delivery>, message_bytes: usize, rooms: usize, options: &DispatcherOptions) -> LaunchPlan {
    let spread = deliveries.len() <= rooms;
    let mut plan = LaunchPlan::default();
    let mut loads: Vec<Filling> = Vec::new();
    for delivery in deliveries {
        let header = match Header::peek(&delivery.body) {
            Ok(header) => header,
            Err(error @ WireError::Newer { .. }) => {
                plan.newer.push((delivery, error));
                continue;
            }
            Err(error) => {
                plan.unreadable.push((delivery, error));
                continue;
            }
        };
        let work_ms = u64::from(header.call_ms) * u64::from(header.count);
        let bytes = delivery.body.len();
        let fits = |load: &&mut Filling| {
            load.task == header.task
                && load.deliveries.len() < options.parcels
                && load.bytes + bytes <= message_bytes
                && load.work_ms + work_ms <= options.work_ms
        };
        match loads.iter_mut().find(fits).filter(|_| !spread) {
            Some(load) => {
                load.bytes += bytes;
                load.work_ms += work_ms;
                load.deliveries.push(delivery);
            }
            None => loads.push(Filling { task: header.task, bytes, work_ms, deliveries: vec![delivery] }),
        }
    }
    plan.excess = loads.split_off(rooms.min(loads.len())).into_iter().flat_map(|load| load.deliveries).collect();
    plan.invocations = loads.into_iter().map(|load| Invocation::of(load.deliveries)).collect();
    plan
}
