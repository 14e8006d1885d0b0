//! Dispatcher and worker as Lambda functions: their events, and the loop that both share. The work on parcels is in
//! `dispatcher` and `worker`; this crate connects it to Lambda's events, time limit and answers.

pub mod dispatcher;
mod function;
pub mod worker;

pub use function::{Function, HandlerError, Request, serve};
