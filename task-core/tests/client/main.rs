//! The client through its public API, over ports in memory that answer as a test tells them to.

#![allow(missing_docs, reason = "a test binary has no readers of its docs")]

mod ambient;
mod dead;
mod delay;
mod fan_out;
mod json;
mod memory;
mod results;
mod tasks;
