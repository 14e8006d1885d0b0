//! Tests what `#[task]` and `#[derive(Task)]` generate: the registration and its options, the body, errors for wrong
//! arguments, and each way to call.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod arguments;
mod bodies;
#[cfg(feature = "embedded")]
mod calls;
mod common;
mod registration;
mod run;
mod secrets;
mod verdicts;
