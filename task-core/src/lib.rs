//! The parts that all of Celeriac shares: tasks and their registry, calls and parcels with their wire form, the client,
//! the planner, and the ports to the outside world. This crate names no backend. Each backend is its own crate and
//! registers how its stores are opened ([`store`]).

pub mod backoff;
pub mod bitmap;
pub mod client;
mod duration;
pub mod id;
mod lane;
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

pub use lane::{Lane, PerLane};
pub use printable::{Printable, PrintableJson, printable, printable_json};
