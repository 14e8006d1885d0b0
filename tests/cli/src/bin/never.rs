//! A program with schedules that are never due.

use std::process::ExitCode;

use celeriac::task;

#[task(schedule = "cron(0 3 30 2 ? *)")]
async fn on_the_thirtieth_of_february() {}

#[task(schedule = "cron(0 3 * * ? *)", timezone = "Europe/Atlantis")]
async fn in_atlantis() {}

fn main() -> ExitCode {
    celeriac::main!()
}
