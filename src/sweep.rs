//! What nobody is on the way with: callbacks that a batch owes and whose sender died.

use std::time::Duration;

use celeriac_core::{ports::Ports, protocol};
use tokio_util::sync::CancellationToken;

/// How often they are looked for.
const EVERY: Duration = Duration::from_secs(30);

/// Sends what batches owe, until told to stop. Sending it twice is harmless.
pub(crate) async fn sweep(ports: Ports, stop: CancellationToken) {
    loop {
        if let Err(error) = protocol::pay_owed(&ports).await {
            tracing::warn!(%error, "cannot look for callbacks that are owed");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = ports.clock.sleep(EVERY) => {}
        }
    }
}
