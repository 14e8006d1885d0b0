//! User code that panics fails only its call, and the error says which code panicked. Faults of the worker itself stop
//! no parcel.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod errors;
mod fragile;
mod results;
mod worker;
