//! Tasks in a crate under strict lints: the generated code must not violate any.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic
)]
#![deny(elided_lifetimes_in_paths, single_use_lifetimes, unused_lifetimes, non_ascii_idents, let_underscore_drop)]

use std::path::PathBuf;

use celeriac::{Context, Perform, State, Stop, Task, task};
use serde::{Deserialize, Serialize};

/// A mailer.
#[derive(Debug)]
pub struct Mailer;

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
#[error("refused: {0}")]
pub struct Refused(String);

/// Sends one mail.
///
/// # Errors
/// When the server refuses.
#[task(name = "mail.send", retries = 5, backoff = "2s..10m", timeout = "30s", queue = "mail")]
pub async fn send_email(mailer: State<Mailer>, to: String, template: String) -> Result<(), Stop> {
    let Mailer = &*mailer;
    if to.contains("again") {
        send_email.delay(to, "again").await?;
        return Ok(());
    }
    if to.starts_with('x') {
        return Err(Stop::Cancel("bad address".into()));
    }
    Err(Refused(template))?
}

/// One argument, wrapped error.
#[task]
pub async fn ping(to: String) -> anyhow::Result<u64> {
    anyhow::ensure!(!to.is_empty(), "empty");
    Ok(tokio::task::spawn(async move { to.len() as u64 }).await?)
}

/// Blocking, with literals, options, lists, a path and a context.
#[task(timeout = "5m", at_most_once)]
pub fn resize(
    cx: &Context,
    n: u32,
    path: PathBuf,
    tags: Vec<String>,
    note: Option<String>,
    #[serde(default)] dpi: u16,
) -> anyhow::Result<u32> {
    anyhow::ensure!(path.exists() && tags.is_empty() && note.is_none() && dpi > 0, "not today");
    Ok(n * cx.attempt())
}

/// Takes a number first, and changes it.
#[task]
pub async fn log_it(mut n: u64, label: Box<str>) -> anyhow::Result<String> {
    n += std::future::ready(1).await;
    Ok(format!("{label}{n}"))
}

/// No arguments, no result; destructured state; stacked attributes.
#[task]
#[tracing::instrument(skip_all)]
pub async fn tick(State(mailer): State<Mailer>) {
    std::future::ready(()).await;
    drop(mailer);
}

/// Not there.
#[task]
#[cfg(any())]
pub async fn absent(missing: Missing) {}

/// Private, and called by nothing here.
#[task(schedule = "rate(5m)")]
async fn sweep() {}

/// The same as a struct.
#[derive(Task, Serialize, Deserialize, Default, Debug)]
#[task(name = "report.nightly", schedule = "cron(0 3 * * ? *)")]
#[task(timezone = "Europe/Berlin", state(Mailer))]
pub struct NightlyReport {
    /// Day.
    pub day: u32,
}

impl Perform for NightlyReport {
    type Output = u32;
    type Error = anyhow::Error;

    async fn perform(self, cx: &Context) -> anyhow::Result<u32> {
        let Mailer = *cx.state::<Mailer>();
        Ok(self.day)
    }
}
