//! Dispatcher and worker as Lambda functions: their events, and the loop that both share. The work on parcels is in
//! `dispatcher` and `worker`; this crate connects it to Lambda's events, time limit and answers.
//!
//! A handler may handle several events at a time, as an environment of Lambda Managed Instances gets them: the state of an
//! event is its own. Events of a process share connections, the queues' URLs, the brake's last reading, and the
//! dispatcher's reservations of invocations: each launch takes exactly one of these, whichever event reserved it.
//! [`serve`] takes one event at a time.

pub mod dispatcher;
mod function;
pub mod worker;

pub use function::{Function, HandlerError, Request, serve};
