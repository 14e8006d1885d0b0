//! How long a request to each service may take, and how often it is tried: the one table of the time-outs.
//!
//! The deployed dispatcher has a minute. A connection into the void, whose packets nobody answers, must end well before:
//! then the port returns an error, the caller puts its parcels back, and they do not wait for a lease. A worker may have
//! longer, but is billed while it waits.

use std::time::Duration;

use aws_config::{retry::RetryConfig, timeout::TimeoutConfig};

/// The time-out of connecting, TLS included. It takes some ten milliseconds with a whole processor, and 900 ms were
/// measured with 128 MB of memory, a fourteenth of one. All services share it, and so share one pool of connections.
const CONNECT: Duration = Duration::from_secs(3);

/// The slowest upload that is waited for: 4 Mbit/s.
#[cfg(feature = "s3")]
const UPLOAD_BYTES_PER_S: u64 = 500_000;

/// How long a service may take for a request, and how often it is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endurance {
    /// The time-out of one attempt.
    attempt: Duration,
    /// The most attempts.
    attempts: u32,
    /// The longest first pause between attempts; each further one may be twice as long. The pause is random.
    backoff: Duration,
}

// Attempts and pauses are AWS's defaults of November 2026 (AWS Developer Tools Blog, "Announcing updated retry behavior
// for AWS SDKs and Tools"; in the Rust SDK until then behind `AWS_NEW_RETRIES_2026`): three attempts and 50 ms, for
// DynamoDB four and 25 ms, instead of a second everywhere, which a function would be billed for. That default pauses for
// up to a second after a throttle; here a throttle is soon an error of the port, and its callers wait for longer.
//
// The SDK's pauses are random and share one budget, which many failures at once use up.

/// A request takes some ten milliseconds, since three sites store a message. A long poll has its own time-out.
pub(super) const SQS: Endurance = Endurance::new(5_000, 3, 50);

/// An Invoke without waiting for the function takes some 100 ms, and longer when many are sent at once. One that is
/// given up may have started a worker, so it is given more time.
pub(super) const LAMBDA: Endurance = Endurance::new(8_000, 3, 50);

/// A request takes 5 to 20 ms, a transaction twice that.
pub(super) const DYNAMODB: Endurance = Endurance::new(4_000, 4, 25);

/// A schedule is written once for each call that is delayed for long.
pub(super) const SCHEDULER: Endurance = Endurance::new(5_000, 3, 50);

/// Until the first byte of an answer. The bytes of an object have no time-out; they may not stall (`clients.rs`).
#[cfg(feature = "s3")]
pub(super) const S3: Endurance = Endurance::new(5_000, 3, 50);

impl Endurance {
    const fn new(attempt_ms: u64, attempts: u32, backoff_ms: u64) -> Self {
        Self { attempt: Duration::from_millis(attempt_ms), attempts, backoff: Duration::from_millis(backoff_ms) }
    }

    /// The time-outs of a client.
    pub(super) fn timeouts(self) -> TimeoutConfig {
        TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(self.attempt).build()
    }

    /// The retries of a client.
    pub(super) fn retries(self) -> RetryConfig {
        RetryConfig::standard().with_max_attempts(self.attempts).with_initial_backoff(self.backoff)
    }

    /// The time-outs of a request that the service answers after this time at the latest.
    pub(super) fn timeouts_after(self, wait: Duration) -> TimeoutConfig {
        TimeoutConfig::builder().operation_attempt_timeout(self.attempt + wait).build()
    }

    /// The time-outs of a request that uploads this many bytes.
    #[cfg(feature = "s3")]
    pub(super) fn timeouts_for(self, bytes: usize) -> TimeoutConfig {
        self.timeouts_after(Duration::from_secs(bytes as u64 / UPLOAD_BYTES_PER_S))
    }

    /// The longest time until a request that nobody answers is an error.
    #[cfg(test)]
    pub(super) fn longest(self) -> Duration {
        let pauses = self.backoff * (2_u32.pow(self.attempts - 1) - 1);
        self.attempt * self.attempts + pauses
    }
}
