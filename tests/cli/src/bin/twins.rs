//! A program with two tasks of one name.

#![allow(clippy::unused_async, reason = "what a task does here is to be there")]

use std::process::ExitCode;

use celeriac::task;

#[task(name = "mail.send")]
async fn send() {}

#[task(name = "mail.send")]
async fn send_again() {}

fn main() -> ExitCode {
    celeriac::main!()
}
