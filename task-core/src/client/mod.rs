//! The client side: [`Client`], and what `delay`, `apply` and `fan_out` return.
//!
//! Arguments are encoded where the call is made, calls are packed into parcels here, and an accepted call is durable
//! (G1). This module runs no task and knows no backend.

mod ambient;
mod batch;
mod blocking;
mod call;
#[allow(clippy::module_inception, reason = "one noun per file, and this one's is the module's")]
mod client;
mod coalesce;
mod dead;
mod delay;
mod error;
mod fan_out;
mod flusher;
mod handle;
mod json;
mod key;
mod lone;
mod patience;
mod purge;
mod sender;
mod source;
mod spec;
mod status;

pub use ambient::{Entered, Home};
pub use batch::{Batch, Progress};
pub use call::{Call, CallOptions};
pub use client::Client;
pub use delay::Delay;
pub use error::{Error, Unsent};
pub use fan_out::FanOut;
pub use flusher::Background;
pub use handle::Handle;
pub use purge::Purged;
pub use source::{FromIter, FromStream, Source};
pub use status::CallStatus;

#[doc(hidden)]
pub use source::{Feed, Sink};
