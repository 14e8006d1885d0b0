//! A program that speaks the Runtime API, and how long it takes to ask for its first event.

use std::{io, path::PathBuf, time::Duration};

use super::{Function, Runs, environment::Environment};
use crate::now_ns;

/// A program that speaks the Runtime API.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// The program.
    pub program: PathBuf,
    /// Its arguments. Lambda gives none.
    pub args: Vec<String>,
    /// What Lambda calls the handler: its environment's `_HANDLER`.
    pub handler: String,
    /// The memory its environment says it has, in megabytes. Nothing enforces it.
    pub memory_mb: u32,
    /// Further variables of its environment. It sees none of this process's.
    pub env: Vec<(String, String)>,
}

impl Bootstrap {
    /// This program with this handler, and 512 MB.
    pub fn new(program: impl Into<PathBuf>, handler: impl Into<String>) -> Self {
        Self { program: program.into(), args: Vec::new(), handler: handler.into(), memory_mb: 512, env: Vec::new() }
    }
}

/// Starts a program and measures how long it is from `exec` to its first poll of the Runtime API. Ends it then.
///
/// # Errors
/// It cannot be started, or has not polled within ten seconds.
pub async fn first_poll(bootstrap: &Bootstrap) -> io::Result<Duration> {
    let function = Function::new("cold-start", Runs::Bootstrap(bootstrap.clone()));
    let started_ns = now_ns();
    let environment = Environment::start(bootstrap, &function).await?;
    let polled_ns = tokio::time::timeout(Duration::from_secs(10), environment.first_poll())
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no poll of the Runtime API within ten seconds"))?;
    Ok(Duration::from_nanos(polled_ns.saturating_sub(started_ns)))
}
