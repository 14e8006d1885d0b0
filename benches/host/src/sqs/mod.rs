//! SQS in its JSON protocol, in memory: visibility, receipts, delays and long polls as they are; no checksums.

mod actions;
mod mapping;
mod queue;
mod refusal;
mod request;
mod store;

pub(crate) use mapping::push;
pub(crate) use store::Sqs;
