//! The parcels that a worker has in hand. A claim whose lease has ended may be taken over, by its own holder too: a
//! process that was frozen, or whose clock jumps, finds the messages of its own runs again before it has renewed
//! anything.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use celeriac_core::id::ParcelId;

/// The parcels that a worker has in hand.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnParcels(Arc<Mutex<BTreeSet<ParcelId>>>);

/// One of them; in hand until this is dropped.
#[derive(Debug)]
pub(crate) struct OwnParcel {
    own: OwnParcels,
    parcel: ParcelId,
}

impl OwnParcels {
    /// Takes a parcel in hand, unless it is.
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
