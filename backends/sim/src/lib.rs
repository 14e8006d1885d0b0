//! The simulated backend: every service in memory, behind a network that loses and delays, under virtual time, with
//! hosts that crash, freeze and have wrong clocks. Production code runs on it unchanged, on one thread, and all
//! randomness follows from one seed, so a run can be repeated.
//!
//! [`Sim`] has the list of future events and the state they change. A [`Host`] is one life of one process; its
//! [`ports`](Host::ports) lead to the services, and [`Host::ask`] to those without a port. [`SimulatedFunctions`] runs
//! invocations as Lambda does. An [`Observer`] sees every event. [`in_memory`] has the services alone.
//!
//! It does not model bytes on a wire, prices, the SDKs' retries, the bucket, and Lambda's events. A test of handlers
//! makes the events itself (`tests/sim/src/deployed`).

mod batches;
mod deed;
mod dice;
mod foreign;
mod host;
mod lambda;
mod letters;
mod link;
mod ports;
mod queue;
mod rows;
mod simulation;
mod store;
mod weather;
mod world;

pub use deed::{Deed, HostId, Observer, Write, short};
pub use dice::Dice;
pub use host::{Host, Steps};
pub use lambda::{Boot, FunctionOptions, Handler, SimulatedFunctions};
pub use simulation::{Fate, Sim, in_memory};
pub use weather::{Outage, Service, Weather};
pub use world::BEGIN_MS;
