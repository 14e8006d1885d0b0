//! The worker as a Lambda function. It is invoked by a dispatcher, with the deliveries of its parcels (the wide road),
//! or by Lambda's mapping of a queue, with the queue's messages (the narrow road).
//!
//! A function is frozen between invocations, so that nothing is left to run after an answer: what cannot be stopped, a
//! call that blocks its thread for ever, ends the process with the answer, and the next invocation finds a new one.
//!
//! It does not ask to be told of its end by SIGTERM. Lambda says so only to functions that have an extension, whose
//! registration is a request before the first event and holds up every start; and there is nothing to be done then, for
//! between invocations no parcel is in hand.

mod event;
mod handler;

pub use handler::Handler;
