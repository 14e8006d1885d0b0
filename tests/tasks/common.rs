//! The tasks that several tests use.

use std::path::PathBuf;

use celeriac::{Context, Perform, State, Stop, Task, task};
use serde::{Deserialize, Serialize};

pub(crate) struct Mailer {
    pub(crate) by: &'static str,
}

#[task(
    name = "mail.send",
    alias = "send_mail",
    retries = 5,
    backoff = "2s..10m",
    timeout = "30s",
    queue = "mail",
    concurrency = 500,
    expires = "2h",
    takes = "80ms",
    memory = 512
)]
pub(crate) async fn send_email(mailer: State<Mailer>, to: String, template: String) -> Result<String, Stop> {
    if to.is_empty() {
        return Err(Stop::Cancel("no address".into()));
    }
    Ok(format!("{template} to {to} by {}", mailer.by))
}

#[task]
pub(crate) async fn ping(to: String) -> anyhow::Result<usize> {
    anyhow::ensure!(!to.is_empty(), "nobody to ping");
    Ok(to.len())
}

/// Blocking, with a context between the arguments, and an argument that was added later.
#[task(timeout = "5m", at_most_once)]
pub(crate) fn resize(
    path: PathBuf,
    cx: &Context,
    sizes: Vec<u32>,
    #[serde(default)] dpi: Option<u16>,
) -> Result<String, Stop> {
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    Ok(format!("{} to {sizes:?}, {dpi:?}, attempt {} of {}, {thread}", path.display(), cx.attempt(), cx.id()))
}

#[task(state(Vec<u8>))]
pub(crate) async fn tick(State(mailer): State<Mailer>) {
    std::hint::black_box(mailer.by);
}

/// Enqueues itself.
#[task]
pub(crate) async fn countdown(n: u32) -> Result<(), celeriac::Error> {
    if n > 0 {
        countdown.delay(n - 1).await?;
    }
    Ok(())
}

#[derive(Debug, Default, PartialEq, Task, Serialize, Deserialize)]
#[task(name = "report.nightly", schedule = "cron(0 3 * * ? *)", timezone = "Europe/Berlin", catch_up = false)]
#[task(state(Mailer))]
pub(crate) struct NightlyReport {
    pub(crate) day: u32,
    #[serde(rename = "for")]
    pub(crate) reader: String,
}

impl Perform for NightlyReport {
    type Output = String;
    type Error = std::io::Error;

    async fn perform(self, cx: &Context) -> Result<String, std::io::Error> {
        Ok(format!("day {} for {:?} by {}", self.day, self.reader, cx.state::<Mailer>().by))
    }
}
