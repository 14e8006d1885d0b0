//! How a program asks for work: [`Client`] and what `delay`, `apply` and `fan_out` answer. Arguments are encoded
//! here, calls are packed into parcels here; nothing here runs a task.

mod ambient;
mod batch;
mod call;
#[allow(clippy::module_inception, reason = "one noun per file, and this one's is the module's")]
mod client;
mod delay;
mod error;
mod fan_out;
mod handle;
mod source;

pub use batch::Batch;
pub use call::{Call, CallOptions};
pub use client::Client;
pub use delay::Delay;
pub use error::Error;
pub use fan_out::FanOut;
pub use handle::Handle;
pub use source::{FromIter, FromStream, Source};
