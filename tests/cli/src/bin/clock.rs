//! A program with a schedule that is always due.

use std::{fs::OpenOptions, io::Write, process::ExitCode};

use celeriac::{Context, task};

/// Writes down which run it is.
#[task(schedule = "rate(1s)")]
fn tick(cx: &Context) -> std::io::Result<()> {
    writeln!(OpenOptions::new().append(true).create(true).open("ticks")?, "{}", cx.id())
}

fn main() -> ExitCode {
    celeriac::main!()
}
