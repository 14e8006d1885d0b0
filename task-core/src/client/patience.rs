//! Trying again, where that is harmless and the cause may pass.

use std::{future::Future, time::Duration};

use crate::ports::{Clock, PortError, SendError};

/// How often something is tried in all, and the wait after the first time, which doubles: about three seconds.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// An error that may be gone the next time.
pub(super) trait MayPass {
    /// Whether it may be.
    fn may_pass(&self) -> bool;
}

impl MayPass for PortError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Unknown { .. })
    }
}

impl MayPass for SendError {
    fn may_pass(&self) -> bool {
        let (Self::Rejected(error) | Self::Unknown(error)) = self;
        error.may_pass()
    }
}

/// Does something that may be done again.
pub(super) async fn patiently<T, E: MayPass, F: Future<Output = Result<T, E>>>(
    clock: &dyn Clock,
    mut attempt: impl FnMut() -> F,
) -> Result<T, E> {
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match attempt().await {
            Err(error) if error.may_pass() => clock.sleep(wait).await,
            done => return done,
        }
        wait *= 2;
    }
    attempt().await
}
