//! The verdicts of errors: those that every error has, and those of a task's own error type.

use std::time::Duration;

use celeriac::{Context, Perform, Stop, Task, Verdict, task};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::run::run;

#[derive(Debug, thiserror::Error)]
enum MailError {
    #[error("no such address")]
    NoSuchAddress,
    #[error("the server is busy")]
    Busy,
    #[error("no connection")]
    Io(#[from] std::io::Error),
}

impl Verdict for MailError {
    fn verdict(self) -> Stop {
        match self {
            Self::NoSuchAddress => Stop::Cancel(self.to_string()),
            Self::Busy => Stop::RetryAfter(Duration::from_secs(77), self.into()),
            Self::Io(_) => Stop::Retry(self.into()),
        }
    }
}

/// Knows nothing about tasks.
fn deliver(to: &str) -> Result<usize, MailError> {
    match to {
        "nobody" => Err(MailError::NoSuchAddress),
        "busy" => Err(MailError::Busy),
        to => Ok(std::fs::read(to)?.len()),
    }
}

#[task]
async fn write_to(to: String) -> Result<usize, MailError> {
    let bytes = deliver(&to)?;
    Ok(bytes)
}

#[task]
fn write_slowly_to(to: String) -> Result<(), MailError> {
    deliver(&to)?;
    Ok(())
}

#[derive(Task, Serialize, Deserialize)]
struct WriteTo {
    to: String,
}

impl Perform for WriteTo {
    type Output = usize;
    type Error = MailError;

    async fn perform(self, _: &Context) -> Result<usize, MailError> {
        deliver(&self.to)
    }
}

#[tokio::test]
async fn an_error_is_a_verdict() {
    let cancelled = run("mail.send", json!({ "to": "", "template": "welcome" })).await.unwrap();
    assert!(matches!(cancelled, Err(Stop::Cancel(reason)) if reason == "no address"));
    let failed = run("ping", json!({ "to": "" })).await.unwrap();
    assert!(matches!(failed, Err(Stop::Retry(error)) if error.to_string() == "nobody to ping"));
}

#[tokio::test]
async fn an_error_of_ones_own_says_what_it_means() {
    for task in ["write_to", "write_slowly_to", "WriteTo"] {
        let nobody = run(task, json!({ "to": "nobody" })).await.unwrap();
        assert!(matches!(nobody, Err(Stop::Cancel(reason)) if reason == "no such address"), "{task}");
        let busy = run(task, json!({ "to": "busy" })).await.unwrap();
        assert!(matches!(busy, Err(Stop::RetryAfter(after, _)) if after.as_secs() == 77), "{task}");
        let missing = run(task, json!({ "to": "/no/such/file" })).await.unwrap();
        assert!(matches!(missing, Err(Stop::Retry(error)) if error.to_string() == "no connection"), "{task}");
        assert!(run(task, json!({ "to": "/dev/null" })).await.unwrap().is_ok(), "{task}");
    }
}
