//! Runs the checks one after the other, and reports each result.

use std::{io::IsTerminal as _, process::ExitCode, time::Duration};

use anyhow::{Result, ensure};
use tokio::time::Instant;

use super::{
    Options,
    checks::{self, Check},
    site::Site,
};

/// Runs the checks that are asked for.
pub fn run(options: &Options) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run_all(options))
}

async fn run_all(options: &Options) -> Result<ExitCode> {
    let site = Site::new(&options.store)?;
    let wanted = |check: &&Check| {
        options.only.as_ref().is_none_or(|text| check.name.contains(text.as_str())) && (options.slow || !check.slow)
    };
    let checks: Vec<_> = checks::ALL.iter().filter(wanted).collect();
    ensure!(!checks.is_empty(), "no check has this in its name: {}", names());
    // A missing stack fails here, once, and not in each check.
    site.client.batches(1).await?;
    let (mut failed, mut calls) = (0, 0);
    for check in checks {
        let spent = site.bill(1).dollars();
        ensure!(spent < options.limit, "stopped before `{}`: ${spent:.4} of ${} are spent", check.name, options.limit);
        let start = Instant::now();
        let done = (check.run)(&site).await;
        calls += check.calls;
        failed += u32::from(done.is_err());
        report(options, check.name, start.elapsed(), &done);
    }
    if !options.json {
        println!("\n{}\nwithout what the functions asked and how long they ran", site.bill(calls));
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(options: &Options, name: &str, took: Duration, done: &Result<String>) {
    let (ok, text) = match done {
        Ok(seen) => (true, seen.clone()),
        Err(error) => (false, explain(error)),
    };
    let took_s = took.as_secs_f64();
    if options.json {
        println!("{}", serde_json::json!({ "check": name, "ok": ok, "took_s": took_s, "seen": text }));
        return;
    }
    let mark = match (ok, std::io::stdout().is_terminal()) {
        (true, true) => "\u{1b}[32mok\u{1b}[0m    ",
        (false, true) => "\u{1b}[31mfailed\u{1b}[0m",
        (true, false) => "ok    ",
        (false, false) => "failed",
    };
    println!("{mark} {name:<18} {took_s:>6.1} s  {text}");
}

/// The error and its causes, except causes whose text it contains already.
pub fn explain(error: &anyhow::Error) -> String {
    error
        .chain()
        .skip(1)
        .map(ToString::to_string)
        .fold(error.to_string(), |text, cause| if text.contains(&cause) { text } else { format!("{text}: {cause}") })
}

fn names() -> String {
    checks::ALL.iter().map(|check| check.name).collect::<Vec<_>>().join(", ")
}
