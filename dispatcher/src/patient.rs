//! Dispatching what is in hand already, as a function does, for as long as there may be room in a moment.
//!
//! A mapping hands over messages whether there is room or not. Put back, they are hidden for longer each time, and a worker
//! that becomes free finds none although thousands wait: with 100 workers for 10,000,000 short calls nine tenths of their
//! time (`docs/scale.md`). So a dispatcher keeps them for a while, which also keeps its mapping from receiving more: the
//! rest of a backlog stays in its queue, visible, in order, and billed once.

use std::{ops::AddAssign, time::Duration};

use futures::future::BoxFuture;
use task_core::ports::Delivery;

use crate::{Dispatcher, Launched, launch::PATIENT_RECEIVES};

/// For how long messages are kept for which there is no room. Then they go back: who waits is billed too.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// About how long it is until the next look whether there is room.
const PAUSE_MS: u64 = 200;

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
        let mut launched = Launched::default();
        while !deliveries.is_empty() {
            let rooms = reserve(deliveries.len()).await;
            let is_patient = deliveries.iter().any(|delivery| delivery.receives <= PATIENT_RECEIVES);
            match rooms {
                Some(rooms) if is_patient && self.ports().clock.now_ms() < until_ms => {
                    let (some, rest) = self.hide_and_launch(deliveries, rooms).await;
                    launched += some;
                    deliveries = rest;
                    if rooms == 0 {
                        self.pause().await;
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
    async fn pause(&self) {
        let pause_ms = PAUSE_MS / 2 + self.ports().entropy.next_u64() % PAUSE_MS;
        self.ports().clock.sleep(Duration::from_millis(pause_ms)).await;
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
