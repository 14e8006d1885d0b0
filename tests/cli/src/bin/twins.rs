//! A program with two tasks of the same name.

use std::process::ExitCode;

use celeriac::task;

#[task(name = "mail.send")]
async fn send() {}

#[task(name = "mail.send")]
async fn send_again() {}

fn main() -> ExitCode {
    celeriac::main!()
}
