//! The modes of a child process. It reads one request a line, and writes one answer a line.

use std::io::{BufRead as _, Write as _};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{client, dispatch, floor, launch, worker};

/// Runs `child MODE ARGS..`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match *args.as_slice() {
        ["host", latency_ms, opens] => worker::host(latency_ms.parse()?, opens == "opens"),
        ["dispatch", url] => dispatch::run(url),
        ["client", url] => client::run(url),
        ["launch", url, calls] => launch::run(url, calls.parse()?),
        ["floor", url, calls] => floor::run(url, calls.parse()?),
        _ => bail!("no such mode: {args:?}"),
    }
}

/// Writes a line to the parent process.
pub(crate) fn say(value: &Value) {
    // The parent may have read enough.
    let _ = writeln!(std::io::stdout(), "{value}");
}

/// Answers requests until there are no more.
pub(crate) fn answer(mut each: impl FnMut(&[&str]) -> Result<Value>) -> Result<()> {
    for question in std::io::stdin().lock().lines() {
        let question = question.context("no questions")?;
        let words: Vec<&str> = question.split_whitespace().collect();
        say(&each(&words)?);
    }
    Ok(())
}
