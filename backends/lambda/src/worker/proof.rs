//! The ledger within a worker that is a probe: its first claim proves that workers of the function begin.

use std::sync::{Arc, Mutex, PoisonError};

use celeriac_aws::Brake;
use celeriac_core::ports::{Claim, ClaimRequest, Ledger, PortError, layers::LedgerLayer};
use futures::future::{BoxFuture, FutureExt as _};

/// A ledger that releases the brake of a function when the function's probe has claimed a parcel.
#[derive(Clone)]
pub(super) struct Proof {
    ledger: Arc<dyn Ledger>,
    brake: Brake,
    /// The function of the current event, if it is a probe without proof.
    probed: Arc<Mutex<Option<String>>>,
}

impl Proof {
    pub(super) fn new(ledger: Arc<dyn Ledger>, brake: Brake) -> Self {
        Self { ledger, brake, probed: Arc::default() }
    }

    /// Begins an event, which is a probe of this function, or none.
    pub(super) fn begin(&self, probed: Option<String>) {
        *self.probed.lock().unwrap_or_else(PoisonError::into_inner) = probed;
    }

    fn take(&self) -> Option<String> {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl LedgerLayer for Proof {
    fn inner(&self) -> &dyn Ledger {
        &*self.ledger
    }

    fn claim(&self, requests: Vec<ClaimRequest>) -> BoxFuture<'_, Vec<Result<Claim, PortError>>> {
        async move {
            let claims = self.ledger.claim(requests).await;
            if claims.iter().any(Result::is_ok)
                && let Some(function) = self.take()
            {
                self.brake.mended(&function).await;
            }
            claims
        }
        .boxed()
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof").finish_non_exhaustive()
    }
}
