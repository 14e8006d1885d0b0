//! The drills: each brings a deployed stack into trouble on purpose, watches it, and mends it.

mod account;
mod aws;
mod broken_init;
mod no_concurrency;
mod rollback;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, Result, ensure};
use celeriac::{Batch, Progress, STORE_VARIABLE, StoreUrl};
use clap::{Parser, ValueEnum};
use tokio::time::{Instant, sleep};

use self::aws::Aws;
use super::{
    site::{PATIENCE, Site},
    suite::explain,
    tasks::echo,
};

/// How long after a mend the last call may start: parcels wait for up to a quarter of an hour, and probes of a function
/// come every five minutes.
const MENDED: Duration = Duration::from_mins(35);

/// How many calls a drill sends into trouble. Each is a message of its own.
const CALLS: usize = 20;

/// Brings a deployed stack of this program into trouble on purpose, and mends it again. For a stack that nothing else needs.
#[derive(Parser)]
#[command(name = "smoke drill", after_help = EXIT_CODES)]
pub struct Options {
    /// The drill.
    drill: Drill,
    /// The stack, as `aws:NAME`. For `rollback` one that does not exist.
    #[arg(long, value_name = "URL", env = STORE_VARIABLE)]
    store: StoreUrl,
    /// How many seconds the trouble lasts.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    trouble: u64,
    /// A bucket of yours for the template, for `rollback`.
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
}

const EXIT_CODES: &str = "\
Needs the AWS CLI with permissions to deploy; `AWS_CLI` names another program than `aws`.

Exit codes:
  0  what was expected
  1  something else; the line says what was seen
  2  the command line is wrong
  3  the account cannot be used for it, or AWS did not answer";

/// A way into trouble.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Drill {
    /// The set-up of workers fails.
    BrokenInit,
    /// The worker's function has a reserved concurrency of 0.
    NoConcurrency,
    /// The account has a concurrency of 10, as new accounts do.
    Account,
    /// The creation of a stack fails, and is tried again.
    Rollback,
}

/// What a drill saw.
enum Seen {
    /// What was expected.
    Well(String),
    /// The account or the local AWS cannot show it.
    Not(String),
}

/// Runs the drill that is asked for.
pub fn run(options: &Options) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let aws = Aws::new()?;
        let began = Instant::now();
        let seen = match options.drill {
            Drill::Rollback => rollback::run(&aws, &options.store, options.bucket.as_deref()),
            drill => on_a_stack(drill, options, &aws).await,
        };
        let name = options.drill.to_possible_value().context("each drill has a name")?;
        let took_s = began.elapsed().as_secs_f64();
        let (mark, text, code) = match &seen {
            Ok(Seen::Well(text)) => ("ok    ", text.clone(), 0),
            Ok(Seen::Not(why)) => ("not   ", why.clone(), 3),
            Err(error) => ("failed", explain(error), 1),
        };
        println!("{mark} {:<16} {took_s:>6.1} s  {text}", name.get_name());
        Ok(ExitCode::from(code))
    })
}

async fn on_a_stack(drill: Drill, options: &Options, aws: &Aws) -> Result<Seen> {
    let site = Site::new(&options.store)?;
    let worker = site.settings.stack.worker(None);
    let trouble = Duration::from_secs(options.trouble);
    match drill {
        Drill::BrokenInit => broken_init::run(&site, aws, &worker, trouble).await,
        Drill::NoConcurrency => no_concurrency::run(&site, aws, &worker, trouble).await,
        Drill::Account => account::run(&site, aws, &worker).await,
        Drill::Rollback => unreachable!("it needs no stack"),
    }
}

/// Sends calls into trouble, which none may survive, and waits for them after the mend.
async fn through(
    site: &Site,
    trouble: Duration,
    worker: &str,
    aws: &Aws,
    begin: impl FnOnce() -> Result<()>,
    mend: impl FnOnce() -> Result<()>,
) -> Result<Seen> {
    well(site).await.context("the stack does not work before the drill")?;
    let from_s = aws::now_s();
    let watched = async {
        begin()?;
        let batches = send(CALLS).await?;
        sleep(trouble).await;
        Ok(batches)
    };
    let watched: Result<Vec<Batch<String>>> = watched.await;
    // Whatever happened.
    mend().context("the stack is left broken: run the command that was printed")?;
    let mended = Instant::now();
    let batches = watched?;
    for batch in &batches {
        let early = batch.progress().await?.succeeded;
        ensure!(early == 0, "{early} calls ran while no worker could begin: was the trouble brought about?");
    }
    for batch in &batches {
        let progress = ended(site, batch, mended + MENDED).await?;
        ensure!(progress.succeeded == progress.total, "not all calls succeeded: {progress:?}");
    }
    let launches = aws.launches(worker, from_s);
    Ok(Seen::Well(format!(
        "{CALLS} calls waited for {trouble:?}, and have all succeeded {:.0?} after the mend; {launches}",
        mended.elapsed()
    )))
}

/// Waits until a batch has ended. What is asked for half an hour may fail once.
async fn ended(site: &Site, batch: &Batch<String>, until: Instant) -> Result<Progress> {
    loop {
        match site.ended(batch, until.saturating_duration_since(Instant::now())).await {
            Err(error) if Instant::now() < until => say(&format!("asking again, since {}", explain(&error))),
            done => return done,
        }
    }
}

/// Makes this many messages of a call each.
async fn send(messages: usize) -> Result<Vec<Batch<String>>> {
    let mut batches = Vec::new();
    for n in 0..messages {
        batches.push(echo.fan_out(vec![n.to_string()]).name("smoke: drill").await?);
    }
    Ok(batches)
}

/// Makes a call, which must succeed.
async fn well(site: &Site) -> Result<()> {
    let batch = echo.fan_out(vec!["before"]).name("smoke: drill").await?;
    let progress = site.ended(&batch, PATIENCE).await?;
    ensure!(progress.succeeded == 1, "{progress:?}");
    Ok(())
}

/// Prints a step.
fn say(text: &str) {
    eprintln!("{text}");
}
