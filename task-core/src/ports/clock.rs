//! The ports to time and randomness. No other code in Celeriac reads a clock or draws a random number, so a simulation
//! that provides both is deterministic.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;

use super::timer;

/// Time.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> u64;

    /// A monotonic time in microseconds from an arbitrary start, to measure durations.
    fn monotonic_us(&self) -> u64;

    /// Ends after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// Formats a time of [`Clock::now_ms`] for people, such as `2026-11-30T09:15:00Z`.
pub fn utc(ms: u64) -> String {
    let time = i64::try_from(ms / 1000).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    time.unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// Random bits, for ids and jitter; not for secrets.
pub trait Entropy: Send + Sync + 'static {
    /// 64 random bits.
    fn next_u64(&self) -> u64;
}

/// The machine's clock. Its sleeps end on any executor. A sleep that begins inside a tokio runtime uses that runtime's
/// timer, which must be enabled (`enable_time`).
#[derive(Debug)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// The machine's clock.
    #[allow(clippy::new_without_default, reason = "a clock that starts now is no default value")]
    #[allow(clippy::disallowed_methods, reason = "this is where time comes in")]
    pub fn new() -> Self {
        Self { start: std::time::Instant::now() }
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is where time comes in")]
    fn now_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }

    fn monotonic_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        timer::sleep(duration)
    }
}

/// The operating system's random bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn next_u64(&self) -> u64 {
        getrandom::u64().expect("the operating system has random bits to give")
    }
}
