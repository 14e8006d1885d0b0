//! What every part of Celeriac shares: tasks and their registry, calls and parcels and their wire form, the client,
//! the planner, and the ports through which all of it meets the world. It names no backend: each is a crate of its own
//! that registers how its stores are opened ([`store`]).

pub mod backoff;
pub mod bitmap;
pub mod client;
pub mod id;
pub mod name;
pub mod panics;
pub mod parcel;
pub mod planner;
pub mod portions;
pub mod ports;
mod printable;
pub mod protocol;
pub mod schedule;
pub mod scheduler;
pub mod store;
pub mod task;
pub mod wire;

pub use printable::{Printable, PrintableJson, printable, printable_json};
