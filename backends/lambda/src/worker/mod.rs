//! The worker as a Lambda function. It is invoked by a dispatcher with the deliveries of its parcels (the wide road),
//! or by Lambda's mapping of a queue with the queue's messages (the narrow road).
//!
//! A function is frozen between invocations, so nothing may run after an answer. A call that blocks its thread for ever
//! cannot be stopped: it ends the process with the answer, and the next invocation gets a new one.
//!
//! It does not ask for SIGTERM. Lambda sends it only to functions with an extension, whose registration is a request
//! before the first event and delays every start. There is also nothing to do then, since no parcel is in hand between
//! invocations.

mod event;
mod handler;
mod metrics;
mod proof;

pub use handler::Handler;
