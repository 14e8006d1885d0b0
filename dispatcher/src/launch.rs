//! Launches invocations in parallel, and settles the messages of those that were not launched.

use celeriac_core::{
    backoff::doubled_ms,
    ports::{Delivery, Invocation, InvokeError, Invoker, Ports, Settle, Settlement},
    protocol,
    wire::WireError,
};
use futures::{StreamExt, future::join, stream};

use crate::{DispatcherOptions, LaunchPlan};

/// The most Invokes in flight: at 100 ms each this is 10,000 in a second. Each has its own connection.
pub(crate) const PARALLEL: usize = 1000;

/// The longest that a refused message is hidden: a minute, since capacity may return at any time. For a message with
/// many receives the limit is higher, because SQS counts them and a long backlog may wait for weeks.
const REFUSED_MOST_MS: u64 = 60_000;
pub(crate) const PATIENT_RECEIVES: u32 = 100;
const REFUSED_LATER_MS: u64 = 15 * 60_000;

/// The outcome of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Launched {
    /// Parcels handed to a worker.
    pub accepted: usize,
    /// Parcels that returned to the queue for a while, because no worker took them or only a newer program can.
    pub refused: usize,
    /// Parcels that may have been handed to a worker: they reappear by themselves, and the ledger tells whether they
    /// ran.
    pub unknown: usize,
    /// Messages that are not parcels: now in the dead-letter queue.
    pub buried: usize,
    /// Messages that could be neither put back nor buried: they reappear by themselves.
    pub unsettled: usize,
}

/// Launches the planned invocations and hides their messages at the same time. Both are complete before a message is
/// settled in any other way.
pub(crate) async fn launch(
    ports: &Ports,
    invoker: &dyn Invoker,
    options: &DispatcherOptions,
    plan: LaunchPlan,
    hide_all: impl Future<Output = ()>,
) -> Launched {
    let now_ms = ports.clock.now_ms();
    let (mut launched, unreadable) = (Launched::default(), plan.unreadable.len());
    let mut settlements: Vec<Settlement> = plan.unreadable.into_iter().map(bury).collect();
    let put_back = |delivery: &Delivery| put_back(delivery, now_ms, options.refused_ms);
    settlements.extend(plan.newer.iter().map(|(delivery, error)| put_back_newer(delivery, error, now_ms)));
    settlements.extend(plan.excess.iter().map(put_back));
    // Only the data needed to put its messages back is kept of an invocation.
    let invoke = |invocation: Invocation| async move {
        let later = |delivery: &Delivery| put_back_later(delivery, now_ms, options.refused_ms);
        let back = |delivery| Back { soon: put_back(delivery), later: later(delivery) };
        let back = invocation.deliveries.iter().map(back).collect::<Vec<_>>();
        (back, invoker.invoke(invocation).await)
    };
    let invoking = stream::iter(plan.invocations).map(invoke).buffer_unordered(PARALLEL);
    let (invoked, ()) = join(invoking.collect::<Vec<_>>(), hide_all).await;
    for (back, result) in invoked {
        match result {
            Ok(()) => launched.accepted += back.len(),
            Err(InvokeError::Unknown(error)) => {
                tracing::warn!(%error, parcels = back.len(), "it is unknown whether a worker was launched");
                launched.unknown += back.len();
            }
            Err(error) => {
                tracing::warn!(%error, parcels = back.len(), "no worker was launched, the parcels wait");
                let is_broken = matches!(error, InvokeError::Broken { .. });
                settlements.extend(back.into_iter().map(|back| if is_broken { back.later } else { back.soon }));
            }
        }
    }
    if !settlements.is_empty() {
        for (at, settled) in ports.queue.settle(settlements).await.into_iter().enumerate() {
            match settled {
                Ok(()) if at < unreadable => launched.buried += 1,
                Ok(()) => launched.refused += 1,
                Err(error) => {
                    tracing::debug!(%error, "a message could not be settled; it reappears by itself");
                    launched.unsettled += 1;
                }
            }
        }
    }
    launched
}

/// The two ways to put a message back.
struct Back {
    /// Capacity may return at any time.
    soon: Settlement,
    /// Someone has to mend something first.
    later: Settlement,
}

fn put_back_later(delivery: &Delivery, now_ms: u64, refused_ms: u64) -> Settlement {
    delivery.hidden(now_ms + doubled_ms(refused_ms, delivery.receives, REFUSED_LATER_MS))
}

fn put_back(delivery: &Delivery, now_ms: u64, refused_ms: u64) -> Settlement {
    let most_ms = if delivery.receives <= PATIENT_RECEIVES { REFUSED_MOST_MS } else { REFUSED_LATER_MS };
    delivery.hidden(now_ms + doubled_ms(refused_ms, delivery.receives, most_ms))
}

fn put_back_newer(delivery: &Delivery, error: &WireError, now_ms: u64) -> Settlement {
    tracing::warn!(queue = %delivery.queue, receives = delivery.receives, "{error}");
    delivery.settled(protocol::put_back_newer(delivery.receives, now_ms))
}

fn bury((delivery, error): (Delivery, WireError)) -> Settlement {
    tracing::error!(%error, queue = %delivery.queue, bytes = delivery.body.len(), "burying an unreadable message");
    delivery.settled(Settle::Bury { reason: error.to_string(), body: delivery.body.clone() })
}
