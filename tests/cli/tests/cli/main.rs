//! Tests what users of a program see, including exit codes. The programs are in `src/bin`.

#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod call;
mod dead;
mod deploy;
#[cfg(unix)]
mod forms;
#[cfg(target_os = "linux")]
mod health;
#[cfg(unix)]
mod lambda;
mod look;
#[cfg(target_os = "linux")]
mod package;
mod program;
#[cfg(unix)]
mod roles;
#[cfg(unix)]
mod runtime_api;
mod secrets;
#[cfg(unix)]
mod service;
mod site;
mod start_up;
mod store;
#[cfg(target_os = "linux")]
mod terminal;
mod versions;
#[cfg(unix)]
mod workers;
