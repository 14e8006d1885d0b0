//! Parcels: how they are filled, what heads them, and what an opened one says. Client, scheduler, dead letters and
//! worker make and open all of their parcels here; [`wire`](crate::wire) only knows their bytes.
//!
//! A field of the [`Header`](crate::wire::Header) is set by [`Spec`] for the parcels of calls that are new, and by
//! [`Parcel::children`] for those that go on.

mod packer;
#[allow(clippy::module_inception, reason = "the module owns parcels, and the file the opened one")]
mod parcel;
mod spec;

pub use packer::{Packer, Packing};
pub use parcel::Parcel;
pub use spec::{Calls, Spec};
