//! Queues that break a rule.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use celeriac_core::{
    Lane,
    parcel::{Packer, Packing, Parcel},
    ports::{Clock, Delivery, Outgoing, PortError, Queue, Receive, SendError, Settle, Settlement, layers::QueueLayer},
    wire::Header,
};
use futures::future::{BoxFuture, FutureExt as _};

use super::Mutation;
use crate::newer;

/// Longer than anyone waits.
const FOR_EVER_MS: u64 = 365 * 86_400_000;

/// A queue that breaks a rule.
pub(super) struct Twisted {
    pub(super) queue: Arc<dyn Queue>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) mutation: Mutation,
    /// The receipts of parcels of a newer version.
    pub(super) newer: Mutex<BTreeSet<Arc<str>>>,
}

impl QueueLayer for Twisted {
    fn inner(&self) -> &dyn Queue {
        &*self.queue
    }

    fn send(&self, messages: Vec<Outgoing>) -> BoxFuture<'_, Vec<Result<(), SendError>>> {
        async move {
            let count = messages.len();
            match self.mutation {
                Mutation::SentInVain if self.clock.monotonic_us().is_multiple_of(3) => vec![Ok(()); count],
                Mutation::StoredIsRejected => {
                    let what = "it is stored, and this is a lie".to_owned();
                    let error = SendError::Rejected(PortError::Refused { what });
                    let sent = self.queue.send(messages).await;
                    sent.into_iter().map(|sent| sent.and(Err(error.clone()))).collect()
                }
                _ => {
                    let messages: Vec<_> = messages.into_iter().filter_map(|message| self.twist(message)).collect();
                    let mut sent = self.queue.send(messages).await;
                    sent.resize(count, Ok(()));
                    sent
                }
            }
        }
        .boxed()
    }

    fn receive(&self, request: Receive) -> BoxFuture<'_, Result<Vec<Delivery>, PortError>> {
        async move {
            let mut deliveries = self.queue.receive(request).await?;
            let newer = deliveries.iter().filter(|delivery| newer::is(&delivery.body));
            self.newer.lock().unwrap_or_else(PoisonError::into_inner).extend(newer.map(|of| of.receipt.0.clone()));
            if self.mutation == Mutation::AcknowledgedEarly {
                let delete = |delivery: &Delivery| Settlement {
                    queue: delivery.queue.clone(),
                    receipt: delivery.receipt.clone(),
                    settle: Settle::Delete,
                };
                self.queue.settle(deliveries.iter().map(delete).collect()).await;
            }
            if self.mutation == Mutation::NeverTooOld {
                let never = |header| Header { not_after_ms: u64::MAX, ..header };
                for delivery in deliveries.iter_mut().filter(|delivery| !is_child(&delivery.body)) {
                    delivery.body = other(&delivery.body, never);
                }
            }
            Ok(deliveries)
        }
        .boxed()
    }

    fn settle(&self, settlements: Vec<Settlement>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        async move {
            let count = settlements.len();
            let twisted = settlements.into_iter().filter_map(|settlement| self.twist_settlement(settlement)).collect();
            let mut settled = self.queue.settle(twisted).await;
            settled.resize(count, Ok(()));
            settled
        }
        .boxed()
    }
}

impl Twisted {
    fn twist(&self, message: Outgoing) -> Option<Outgoing> {
        match self.mutation {
            Mutation::ChildrenUnsent if is_child(&message.body) => None,
            Mutation::ChildrenDiffer if is_child(&message.body) => {
                let now_ms = self.clock.now_ms();
                let body = other(&message.body, |header| Header { created_ms: now_ms, ..header });
                Some(Outgoing { body, ..message })
            }
            Mutation::LanesMixed => Some(Outgoing { lane: other_lane(message.lane), ..message }),
            Mutation::ChildrenChangeLane if is_child(&message.body) => {
                let lane = other_lane(message.lane);
                let body = other(&message.body, |header| Header { lane: Some(lane), ..header });
                Some(Outgoing { lane, body, ..message })
            }
            Mutation::NeverWaits => Some(Outgoing { due_ms: 0, ..message }),
            _ => Some(message),
        }
    }

    fn twist_settlement(&self, settlement: Settlement) -> Option<Settlement> {
        let is_newer = self.newer.lock().unwrap_or_else(PoisonError::into_inner).contains(&settlement.receipt.0);
        let settle = match (self.mutation, settlement.settle) {
            (Mutation::NewerIsBuried, Settle::Hide { .. }) if is_newer => {
                Settle::Bury { reason: "nobody can read it".to_owned(), body: Bytes::new() }
            }
            (Mutation::NeverDeleted, Settle::Delete) | (Mutation::NeverRenewed, Settle::Hide { .. }) => return None,
            (Mutation::HiddenIsDeleted, Settle::Hide { .. }) => Settle::Delete,
            (Mutation::HiddenForEver, Settle::Hide { until_ms }) => Settle::Hide { until_ms: until_ms + FOR_EVER_MS },
            (Mutation::HiddenIsBuried, Settle::Hide { .. }) => {
                Settle::Bury { reason: "nobody takes it".to_owned(), body: Bytes::new() }
            }
            (_, settle) => settle,
        };
        Some(Settlement { settle, ..settlement })
    }
}

fn is_child(body: &[u8]) -> bool {
    Header::peek(body).is_ok_and(|header| header.parent.is_some())
}

fn other_lane(lane: Lane) -> Lane {
    if lane == Lane::Bulk { Lane::Interactive } else { Lane::Bulk }
}

/// The same parcel with another header, if its calls are consecutive.
fn other(body: &Bytes, change: impl FnOnce(Header) -> Header) -> Bytes {
    let Ok(parcel) = Parcel::open(body) else { return body.clone() };
    let mut packer = Packer::new(Packing { calls: parcel.count(), bytes: body.len() * 4, call_bytes: body.len() * 4 });
    (0..parcel.count()).for_each(|position| packer.push(parcel.args(position)));
    packer.encode(change(parcel.header))
}
