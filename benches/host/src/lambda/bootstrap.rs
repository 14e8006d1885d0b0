//! Measures how long a program that speaks the Runtime API takes to ask for its first event, and to react to it.

use std::{io, net::Ipv4Addr, path::PathBuf, time::Duration};

use bytes::Bytes;
use tokio::net::TcpListener;

use super::{Function, Runs, environment::Environment};
use crate::now_ns;

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

/// Starts a program that has a waiting event, and measures the time from `exec` to its first request to an AWS service.
/// Then ends it, without an answer.
///
/// # Errors
/// If it cannot be started, or handles the event without a request.
pub async fn first_request(bootstrap: &Bootstrap, event: Bytes) -> io::Result<Duration> {
    let service = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut bootstrap = bootstrap.clone();
    bootstrap.env.push(("AWS_ENDPOINT_URL".to_owned(), format!("http://{}", service.local_addr()?)));
    let started_ns = now_ns();
    let mut environment = start(&bootstrap).await?;
    let asked = async {
        let (connection, _) = service.accept().await?;
        connection.readable().await?;
        Ok(Duration::from_nanos(now_ns().saturating_sub(started_ns)))
    };
    tokio::select! {
        asked = asked => asked,
        done = environment.run("cold-start", event, PATIENCE) => {
            Err(io::Error::other(format!("no request to AWS for the event: {done:?}")))
        }
    }
}

async fn start(bootstrap: &Bootstrap) -> io::Result<Environment> {
    let function = Function::new("cold-start", Runs::Bootstrap(bootstrap.clone()));
    Environment::start(bootstrap, &function).await
}
