//! A function's configuration.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;

use super::Bootstrap;

/// Runs an event in this process.
pub type Stub = Arc<dyn Fn(Bytes) -> BoxFuture<'static, Result<Bytes, Failure>> + Send + Sync>;

/// Why a run failed, in Lambda's form: `errorType` and `errorMessage`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Failure {
    /// Its type, such as `Sandbox.Timedout` or `Runtime.ExitError`.
    pub kind: String,
    /// What happened.
    pub message: String,
}

impl Failure {
    /// A failure of this type.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into() }
    }

    /// The payload of Lambda's answer.
    pub(crate) fn json(&self) -> String {
        serde_json::json!({ "errorType": self.kind, "errorMessage": self.message }).to_string()
    }
}

/// What runs when a function is invoked.
#[derive(Clone)]
pub enum Runs {
    /// A closure.
    Stub(Stub),
    /// A program that speaks the Runtime API.
    Bootstrap(Bootstrap),
}

/// The configuration of a function. Its events are tried once, and the failures queue takes those that fail.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What runs.
    pub runs: Runs,
    /// How many run at once; further events wait, further synchronous Invokes are answered 429. Defaults to 1,000.
    pub concurrency: usize,
    /// How long a run may take before it is ended. Defaults to a minute.
    pub timeout: Duration,
    /// The queue that a failed event's record is sent to. Defaults to none.
    pub failures: Option<String>,
}

impl Function {
    /// A function with the defaults.
    pub fn new(name: impl Into<String>, runs: Runs) -> Self {
        Self { name: name.into(), runs, concurrency: 1_000, timeout: Duration::from_mins(1), failures: None }
    }

    /// A function that does nothing, at once.
    pub fn idle(name: impl Into<String>) -> Self {
        let done: Stub = Arc::new(|_| Box::pin(std::future::ready(Ok(Bytes::from_static(b"null")))));
        Self::new(name, Runs::Stub(done))
    }

    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:lambda:us-east-1:000000000000:function:{}", self.name)
    }
}

impl fmt::Debug for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stub(_) => f.write_str("Stub"),
            Self::Bootstrap(bootstrap) => bootstrap.fmt(f),
        }
    }
}
