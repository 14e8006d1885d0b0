//! How a program asks for work: [`Client`], and what `delay`, `apply` and `fan_out` answer.
//!
//! Arguments are encoded where the call is written, calls are packed into parcels here, and what is accepted is
//! durable (G1). Nothing here runs a task, and nothing here knows which backend it sends through.

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
pub use source::{FromIter, FromStream, Source};
pub use status::CallStatus;

#[doc(hidden)]
pub use source::{Feed, Sink};
