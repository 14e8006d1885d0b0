//! Dispatches messages that have already been received, as a function does, and waits a while for capacity.
//!
//! An event source mapping of Lambda delivers messages whether there is capacity or not. If they are put back, they are
//! hidden for longer each time, and a worker that becomes free finds none although thousands wait. In a simulation of
//! 10,000,000 short calls, 100 workers were idle for nine tenths of the time (`docs/scale.md`). So a dispatcher keeps
//! messages for a while, which also keeps its mapping from receiving more: the rest of a backlog stays in its queue,
//! visible, in order, and billed once.

use std::{ops::AddAssign, time::Duration};

use celeriac_core::ports::{Delivery, Ports};
use futures::future::BoxFuture;

use crate::{Dispatcher, Launched, launch::PATIENT_RECEIVES};

/// How long messages are kept without capacity for them. Then they are put back, since waiting is billed too.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The bounds of the pause before capacity is read again: a quarter of the time waited so far, within these. All
/// dispatchers read the same few items, so the more of them wait, the longer each one pauses. The first pause is short:
/// in an account with a concurrency of 10, two dispatchers that paused for 200 ms left eight workers of a second idle
/// for a fifth of their time (`benches/scale/tests/account.rs`). Of a wait of 20 s it makes seven more reads.
const PAUSE_MS: u64 = 50;
const LONGEST_PAUSE_MS: u64 = 2_000;
const OF_WAIT: u64 = 4;

impl Dispatcher {
    /// Does the same as [`hide_and_dispatch`](Self::hide_and_dispatch), as capacity becomes available. `reserve` is
    /// given a number of invocations and returns how many of them may be outstanding, or `None` if that is unknown.
    /// Messages without capacity until `until_ms`, in milliseconds since 1970, go back to their queue; at once if all
    /// of them have waited there for long.
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

    /// Random, so that two dispatchers do not ask at the same time again.
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
