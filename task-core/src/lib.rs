//! What every part of Celeriac shares: tasks and their registry, calls and parcels and their wire form, the client,
//! the planner, and the ports through which all of it meets the world.

#[cfg(feature = "aws")]
pub mod aws;
pub mod bitmap;
pub mod client;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod id;
pub mod planner;
pub mod ports;
pub mod protocol;
pub mod schedule;
pub mod scheduler;
#[cfg(feature = "sim")]
pub mod sim;
pub mod task;
pub mod wire;
