//! Sends the callbacks of batches that a process owed when it died. No user can set a callback yet: `fan_out` has no
//! option for it.

use std::time::Duration;

use celeriac_core::{
    ports::{PortError, Ports},
    protocol,
};
use tokio_util::sync::CancellationToken;

/// The time between two sweeps.
const EVERY: Duration = Duration::from_secs(30);

/// Sends the callbacks that batches owe, until it is stopped. Sending one twice is harmless.
///
/// # Errors
/// [`PortError::Gone`]: the store no longer exists.
pub(crate) async fn sweep(ports: Ports, stop: CancellationToken) -> Result<(), PortError> {
    loop {
        match protocol::pay_owed(&ports).await {
            Err(error @ PortError::Gone { .. }) => return Err(error),
            Err(error) => tracing::warn!(%error, "cannot look for callbacks that are owed"),
            Ok(()) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = ports.clock.sleep(EVERY) => {}
        }
    }
}
