//! Dispatcher and worker as Lambda functions: what their events say, and the loop that both have in common. What they
//! do about parcels is `dispatcher` and `worker`; here it meets Lambda's events, time limit and answers.

pub mod dispatcher;
mod function;
pub mod worker;

pub use function::{Function, HandlerError, Request, serve};
