//! Retries those requests to a port that may be repeated.

use std::{future::Future, time::Duration};

use crate::{backoff::doubled_ms, ports::Clock};

/// The most tries. With the pauses between them, that takes about three seconds.
const TRIES: u32 = 6;

/// The pause after the first try, which doubles each time, and the longest pause.
const FIRST_WAIT_MS: u64 = 50;
const LONGEST_WAIT_MS: u64 = 1000;

/// Repeats a request that is safe to repeat, as long as its error may pass.
pub(super) async fn patiently<T, E, F: Future<Output = Result<T, E>>>(
    clock: &dyn Clock,
    may_pass: fn(&E) -> bool,
    mut attempt: impl FnMut() -> F,
) -> Result<T, E> {
    for failures in 1..TRIES {
        match attempt().await {
            Err(error) if may_pass(&error) => {
                clock.sleep(Duration::from_millis(doubled_ms(FIRST_WAIT_MS, failures, LONGEST_WAIT_MS))).await;
            }
            done => return done,
        }
    }
    attempt().await
}
