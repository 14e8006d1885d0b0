//! Measures what a program that speaks the Runtime API needs to ask for its first event, and to react to it.

use std::{io, path::PathBuf, time::Duration};

use bytes::Bytes;

use super::{Function, Runs, environment::Environment};
use crate::{now_ns, secure::Secure};

/// A program that speaks the Runtime API.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// The program.
    pub program: PathBuf,
    /// Its arguments. Lambda gives none.
    pub args: Vec<String>,
    /// The name of its handler, which Lambda passes as `_HANDLER`.
    pub handler: String,
    /// The memory that its environment names, in megabytes. Nothing enforces it.
    pub memory_mb: u32,
    /// Further variables of its environment. It gets none of this process's variables.
    pub env: Vec<(String, String)>,
}

impl Bootstrap {
    /// This program with this handler, and 512 MB.
    pub fn new(program: impl Into<PathBuf>, handler: impl Into<String>) -> Self {
        Self { program: program.into(), args: Vec::new(), handler: handler.into(), memory_mb: 512, env: Vec::new() }
    }
}

/// The longest that a program may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts a program and measures the time from `exec` to its first poll of the Runtime API. Then ends it.
///
/// # Errors
/// If it cannot be started, or has not polled within ten seconds.
pub async fn first_poll(bootstrap: &Bootstrap) -> io::Result<Duration> {
    let started_ns = now_ns();
    let environment = start(bootstrap).await?;
    let polled_ns = tokio::time::timeout(PATIENCE, environment.first_poll())
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no poll of the Runtime API within ten seconds"))?;
    Ok(Duration::from_nanos(polled_ns.saturating_sub(started_ns)))
}

/// What a start costs.
#[derive(Clone, Copy, Debug)]
pub struct ColdStart {
    /// From `exec` to the first poll of the Runtime API.
    pub init: Duration,
    /// Processor time until then. Lambda bills it, and gives a whole processor for it.
    pub init_cpu: Duration,
    /// TLS connections until then.
    pub init_handshakes: usize,
    /// Processor time from there to the first claim.
    pub event_cpu: Duration,
    /// TLS connections from there to the first claim.
    pub event_handshakes: usize,
}

/// Starts a program whose services are behind TLS, hands it an event, and measures until its first claim. Then ends it.
///
/// # Errors
/// If it cannot be started, has not polled within ten seconds, or handles the event without a claim. Without `openssl`.
pub async fn cold_start(bootstrap: &Bootstrap, event: Bytes) -> io::Result<ColdStart> {
    let services = Secure::start().await?;
    let mut bootstrap = bootstrap.clone();
    bootstrap.env.extend(services.environment());
    let started_ns = now_ns();
    let mut environment = start(&bootstrap).await?;
    let polled_ns = tokio::time::timeout(PATIENCE, environment.first_poll())
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no poll of the Runtime API within ten seconds"))?;
    let process = environment.process();
    let (init_cpu, init_handshakes) = (processor_time(process)?, services.handshakes());
    tokio::select! {
        () = services.claim() => {}
        done = environment.run("cold-start", event, PATIENCE) => {
            return Err(io::Error::other(format!("no claim for the event: {done:?}")));
        }
    }
    Ok(ColdStart {
        init: Duration::from_nanos(polled_ns.saturating_sub(started_ns)),
        init_cpu,
        init_handshakes,
        event_cpu: processor_time(process)?.saturating_sub(init_cpu),
        event_handshakes: services.handshakes() - init_handshakes,
    })
}

/// The processor time of a process's threads, of which none has ended.
fn processor_time(process: u32) -> io::Result<Duration> {
    let mut sum = Duration::ZERO;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // Time on a processor, time waiting for one, and how often it had one.
        let times = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let ns = times.split(' ').next().and_then(|ns| ns.parse().ok());
        sum += Duration::from_nanos(ns.ok_or_else(|| io::Error::other(format!("not a time: {times}")))?);
    }
    Ok(sum)
}

async fn start(bootstrap: &Bootstrap) -> io::Result<Environment> {
    let function = Function::new("cold-start", Runs::Bootstrap(bootstrap.clone()));
    Environment::start(bootstrap, &function).await
}
