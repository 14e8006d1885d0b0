//! A local AWS for tests: real wire protocols, virtual time if a test asks for it, stacks deployed from a program's
//! template, and a proxy that makes requests fail as networks and services do.

#![allow(clippy::missing_panics_doc, reason = "what fails here fails the test that asked for it")]

mod credentials;
mod deployment;
mod emulator;
mod fault;
mod ministack;
mod partly;
mod proxy;
mod resources;
mod server;
mod unable;

pub use credentials::{CREDENTIALS, with_credentials};
pub use deployment::{Deployment, environment, example};
pub use emulator::{EMULATOR_VARIABLE, Emulator, LocalAws, trial};
pub use fault::{Asked, Fault, Odds};
pub use ministack::{Ministack, config};
pub use proxy::Proxy;
pub use resources::create_stack;
