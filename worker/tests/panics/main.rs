//! Code of the user's that panics anywhere fails its call alone, and what is said of that names it. What fails in the
//! worker itself stops no parcel.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod errors;
mod fragile;
mod results;
mod worker;
