//! Dispatching what is in hand already, as a function does, for as long as there may be room in a moment.
//!
//! A mapping hands over messages whether there is room or not. Put back, they are hidden for longer each time, and a worker
//! that becomes free finds none although thousands wait: with 100 workers for 10,000,000 short calls nine tenths of their
//! time (`docs/scale.md`). So a dispatcher keeps them for a while, which also keeps its mapping from receiving more: the
//! rest of a backlog stays in its queue, visible, in order, and billed once.

use std::{ops::AddAssign, time::Duration};

use celeriac_core::ports::{Delivery, Ports};
use futures::future::BoxFuture;

use crate::{Dispatcher, Launched, launch::PATIENT_RECEIVES};

/// For how long messages are kept for which there is no room. Then they go back: who waits is billed too.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// About how long it is until the next look whether there is room: a quarter of the time that it was waited already, within
/// these. All dispatchers look at one item, and the more of them wait, the longer does each.
const PAUSE_MS: u64 = 200;
const LONGEST_PAUSE_MS: u64 = 2_000;
const OF_WAIT: u64 = 4;

impl Dispatcher {
    /// As [`hide_and_dispatch`](Self::hide_and_dispatch), for as many at a time as there is room for. `reserve` answers how many
    /// invocations more may be outstanding, of so many; `None` if that cannot be said. What there is no room for until
    /// `until_ms`, in milliseconds since 1970, goes back to its queue; at once if all of it has waited there for long.
    pub async fn dispatch_patiently<'a>(
        &self,
        mut deliveries: Vec<Delivery>,
        until_ms: u64,
        reserve: impl Fn(usize) -> BoxFuture<'a, Option<usize>>,
    ) -> Launched {
        let clock = &self.ports().clock;
        let (mut launched, mut since_ms) = (Launched::default(), clock.now_ms());
        while !deliveries.is_empty() {
            let rooms = reserve(deliveries.len()).await;
            let is_patient = deliveries.iter().any(|delivery| delivery.receives <= PATIENT_RECEIVES);
            match rooms {
                Some(rooms) if is_patient && clock.now_ms() < until_ms => {
                    let (some, rest) = self.hide_and_launch(deliveries, rooms).await;
                    launched += some;
                    deliveries = rest;
                    if rooms == 0 {
                        self.pause(since_ms, until_ms).await;
                    } else {
                        since_ms = clock.now_ms();
                    }
                }
                _ => {
                    launched += self.hide_and_dispatch(deliveries, rooms.unwrap_or(0)).await;
                    break;
                }
            }
        }
        launched
    }

    /// Never the same for two: they would ask at the same time again.
    async fn pause(&self, since_ms: u64, until_ms: u64) {
        let Ports { clock, entropy, .. } = self.ports();
        let now_ms = clock.now_ms();
        let about_ms = (now_ms.saturating_sub(since_ms) / OF_WAIT).clamp(PAUSE_MS, LONGEST_PAUSE_MS);
        let pause_ms = about_ms / 2 + entropy.next_u64() % about_ms;
        clock.sleep(Duration::from_millis(pause_ms.min(until_ms.saturating_sub(now_ms)))).await;
    }
}

impl AddAssign for Launched {
    fn add_assign(&mut self, other: Self) {
        let Self { accepted, refused, unknown, buried, unsettled } = other;
        self.accepted += accepted;
        self.refused += refused;
        self.unknown += unknown;
        self.buried += buried;
        self.unsettled += unsettled;
    }
}
