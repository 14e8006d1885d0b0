//! Tests the client through its public API, mostly on ports in memory that answer as a test tells them to.

#![allow(missing_docs, unreachable_pub, reason = "nobody but these tests reads or calls what is here")]
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod ambient;
mod dead;
mod delay;
mod executors;
mod fan_out;
mod file;
mod json;
mod memory;
mod races;
mod results;
mod tasks;
mod zoo;
