//! What nobody is on the way with: callbacks that a batch owes and whose sender died.

use std::time::Duration;

use celeriac_core::{
    ports::{PortError, Ports},
    protocol,
};
use tokio_util::sync::CancellationToken;

/// How often they are looked for.
const EVERY: Duration = Duration::from_secs(30);

/// Sends what batches owe, until told to stop. Sending it twice is harmless.
///
/// # Errors
/// [`PortError::Gone`]: there is nothing to look at any more.
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
