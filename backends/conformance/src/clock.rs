//! A manual clock: it stands still until a test moves it.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::sync::oneshot;

use celeriac_core::ports::Clock;

/// How far [`ManualClock::drive`] moves time at once when a server follows.
const TICK: Duration = Duration::from_millis(10);

/// Virtual time. It moves by [`ManualClock::advance`], or by [`ManualClock::drive`] from one sleep to the next.
pub struct ManualClock {
    state: Mutex<State>,
    follower: Option<Follower>,
}

/// Sets the clock of a server, in milliseconds since 1970.
type Follower = Box<dyn Fn(u64) + Send + Sync>;

#[derive(Debug)]
struct State {
    now_us: u64,
    /// How far the wall clock has been set back.
    back_us: u64,
    sleeps: u64,
    /// Sleepers, by the end of their sleep and then by its start.
    sleepers: BTreeMap<(u64, u64), oneshot::Sender<()>>,
}

impl ManualClock {
    /// A clock that shows this time.
    pub fn new(now_ms: u64) -> Self {
        let state = State { now_us: now_ms * 1000, back_us: 0, sleeps: 0, sleepers: BTreeMap::new() };
        Self { state: Mutex::new(state), follower: None }
    }

    /// A clock that shows this time and that a server follows: `follow` sets the server's clock, in milliseconds since
    /// 1970, whenever this one moves and before anyone can observe it. It must not read this clock.
    ///
    /// A request that waits in the server does not sleep on this clock. So [`ManualClock::drive`] lets time pass as
    /// fast as real time, and needs tokio's timer.
    pub fn with_follower(now_ms: u64, follow: impl Fn(u64) + Send + Sync + 'static) -> Self {
        follow(now_ms);
        Self { follower: Some(Box::new(follow)), ..Self::new(now_ms) }
    }

    /// Moves time, and ends the sleeps that end by then.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        let to_us = state.now_us + by.as_micros() as u64;
        if let Some(follow) = &self.follower {
            follow(to_us / 1000);
        }
        state.go_to(to_us);
    }

    /// Sets the wall clock back, as an operator or a time server does. Monotonic time and sleeps continue, and so does
    /// the time of a server, which is another machine.
    pub fn set_back(&self, by: Duration) {
        self.state().back_us += by.as_micros() as u64;
    }

    /// Runs `future` to its end. Whenever something sleeps, time moves to the end of the shortest sleep. With a
    /// follower it passes as fast as real time.
    pub async fn drive<F: Future>(&self, future: F) -> F::Output {
        tokio::pin!(future);
        loop {
            tokio::select! {
                biased;
                output = &mut future => return output,
                () = self.pass() => {}
            }
        }
    }

    async fn pass(&self) {
        if self.follower.is_some() {
            tokio::time::sleep(TICK).await;
            self.advance(TICK);
        } else {
            // Threads of the backend may be busy, which takes no virtual time.
            tokio::task::yield_now().await;
            self.state().go_to_next_end();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("state", &self.state).finish_non_exhaustive()
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
            // The sleeper may have been dropped.
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
            // A dropped clock never wakes its sleepers.
            if woken.await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::watch;

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

    #[tokio::test]
    async fn a_server_follows_the_clock_and_its_waiters_are_driven() {
        let (server, followed) = watch::channel(0);
        let clock = ManualClock::with_follower(1000, move |now_ms| {
            server.send_replace(now_ms);
        });
        assert_eq!(*followed.borrow(), 1000);
        clock.advance(Duration::from_millis(5));
        clock.set_back(Duration::from_millis(3));
        assert_eq!((*followed.borrow(), clock.now_ms()), (1005, 1002));

        // A long poll ends by the server's time, and nothing sleeps on the clock.
        let mut poll = followed.clone();
        clock.drive(poll.wait_for(|now_ms| *now_ms >= 1030)).await.expect("the clock is there");
        assert_eq!(*followed.borrow(), 1035);
    }
}
