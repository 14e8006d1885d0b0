//! Makes and opens parcels: fills them, writes their headers, reads their calls. The client, the
//! scheduler, the retry of dead letters and the worker all use this module; [`wire`](crate::wire) only knows the bytes.
//!
//! Each field of the [`Header`](crate::wire::Header) is set by [`Spec`] for parcels of new calls, and by
//! [`Parcel::children`] for child parcels.

mod packer;
#[allow(clippy::module_inception, reason = "the module owns parcels, and the file the opened one")]
mod parcel;
mod spec;

pub use packer::{Packer, Packing};
pub use parcel::Parcel;
pub use spec::{Calls, Spec};
