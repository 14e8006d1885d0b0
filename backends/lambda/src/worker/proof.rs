//! The ledger within a worker that is a probe: its first claim proves that workers of the function begin.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use celeriac_aws::Brake;
use celeriac_core::ports::{Claim, ClaimRequest, Ledger, PortError, layers::LedgerLayer};
use futures::future::{BoxFuture, FutureExt as _};

/// A ledger that releases the brake of a function when the function's probe has claimed a parcel.
#[derive(Clone)]
pub(super) struct Proof {
    ledger: Arc<dyn Ledger>,
    brake: Brake,
    /// The functions of the probes without proof that are running, by the holders of their claims.
    probes: Arc<Mutex<BTreeMap<Arc<str>, String>>>,
}

/// A running probe, until this is dropped.
pub(super) struct Probe {
    proof: Proof,
    holder: Arc<str>,
}

impl Proof {
    pub(super) fn new(ledger: Arc<dyn Ledger>, brake: Brake) -> Self {
        Self { ledger, brake, probes: Arc::default() }
    }

    /// Begins an invocation that is a probe of this function. Its claims have this holder.
    pub(super) fn begin(&self, holder: Arc<str>, function: String) -> Probe {
        self.probes().insert(Arc::clone(&holder), function);
        Probe { proof: self.clone(), holder }
    }

    /// The functions whose probes have claimed a parcel.
    fn take(&self, claimed: impl Iterator<Item = Arc<str>>) -> Vec<String> {
        let mut probes = self.probes();
        claimed.filter_map(|holder| probes.remove(&holder)).collect()
    }

    fn probes(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, String>> {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.proof.probes().remove(&self.holder);
    }
}

impl LedgerLayer for Proof {
    fn inner(&self) -> &dyn Ledger {
        &*self.ledger
    }

    fn claim(&self, requests: Vec<ClaimRequest>) -> BoxFuture<'_, Vec<Result<Claim, PortError>>> {
        async move {
            let holders: Vec<_> = requests.iter().map(|request| Arc::clone(&request.holder)).collect();
            let claims = self.ledger.claim(requests).await;
            let claimed =
                holders.into_iter().zip(&claims).filter_map(|(holder, claim)| claim.is_ok().then_some(holder));
            for function in self.take(claimed) {
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
