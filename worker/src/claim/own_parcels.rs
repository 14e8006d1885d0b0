//! The parcels that this worker is handling now. A claim whose lease has ended may be taken over, even by the worker
//! that holds it. A process that was frozen, or whose clock jumped, can receive the messages of its own runs before it
//! has renewed their leases.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use celeriac_core::id::ParcelId;

/// The parcels that a worker is handling now.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnParcels(Arc<Mutex<BTreeSet<ParcelId>>>);

/// One of these parcels, until this is dropped.
#[derive(Debug)]
pub(crate) struct OwnParcel {
    own: OwnParcels,
    parcel: ParcelId,
}

impl OwnParcels {
    /// Adds a parcel, unless the worker is handling it already.
    pub(crate) fn take(&self, parcel: ParcelId) -> Option<OwnParcel> {
        self.parcels().insert(parcel).then(|| OwnParcel { own: self.clone(), parcel })
    }

    fn parcels(&self) -> MutexGuard<'_, BTreeSet<ParcelId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OwnParcel {
    fn drop(&mut self) {
        self.own.parcels().remove(&self.parcel);
    }
}
