//! A clock that stands still until it is told to go on.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::ports::Clock;

/// Virtual time. It moves by [`ManualClock::advance`], or by [`ManualClock::drive`] from one sleep to the next.
#[derive(Debug)]
pub struct ManualClock {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now_us: u64,
    /// How far the wall clock has been set back.
    back_us: u64,
    sleeps: u64,
    /// By the time they end and the order in which they began.
    sleepers: BTreeMap<(u64, u64), oneshot::Sender<()>>,
}

impl ManualClock {
    /// A clock that stands at this time.
    pub fn new(now_ms: u64) -> Self {
        let state = State { now_us: now_ms * 1000, back_us: 0, sleeps: 0, sleepers: BTreeMap::new() };
        Self { state: Mutex::new(state) }
    }

    /// Moves time, and ends the sleeps that end until then.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        let to_us = state.now_us + by.as_micros() as u64;
        state.go_to(to_us);
    }

    /// Sets the wall clock back, as an operator or a time server does. Monotonic time and sleeps go on.
    pub fn set_back(&self, by: Duration) {
        self.state().back_us += by.as_micros() as u64;
    }

    /// Runs `future` to its end. Whenever something sleeps, time moves to the end of the shortest sleep.
    pub async fn drive<F: Future>(&self, future: F) -> F::Output {
        tokio::pin!(future);
        loop {
            tokio::select! {
                biased;
                output = &mut future => return output,
                // Threads of the backend may be at work, which take no virtual time.
                () = tokio::task::yield_now() => self.state().go_to_next_end(),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn go_to_next_end(&mut self) {
        self.sleepers.retain(|_, sleeper| !sleeper.is_closed());
        if let Some((&(end_us, _), _)) = self.sleepers.first_key_value() {
            self.go_to(end_us);
        }
    }

    fn go_to(&mut self, to_us: u64) {
        self.now_us = self.now_us.max(to_us);
        let later = self.sleepers.split_off(&(self.now_us + 1, 0));
        for (_, sleeper) in std::mem::replace(&mut self.sleepers, later) {
            // Whoever slept may have been dropped.
            let _ = sleeper.send(());
        }
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        let state = self.state();
        state.now_us.saturating_sub(state.back_us) / 1000
    }

    fn monotonic_us(&self) -> u64 {
        self.state().now_us
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let (wake, woken) = oneshot::channel();
        let mut state = self.state();
        let key = (state.now_us + duration.as_micros() as u64, state.sleeps);
        state.sleeps += 1;
        state.sleepers.insert(key, wake);
        Box::pin(async move {
            // A clock that is gone will never wake anyone.
            if woken.await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn driving_jumps_from_sleep_to_sleep() {
        let clock = Arc::new(ManualClock::new(1000));
        let slept = {
            let clock = clock.clone();
            async move {
                clock.sleep(Duration::from_hours(1)).await;
                clock.sleep(Duration::from_millis(5)).await;
            }
        };
        clock.drive(slept).await;
        assert_eq!(clock.now_ms(), 3_601_005);
    }
}
