//! A program without a task.

use std::process::ExitCode;

fn main() -> ExitCode {
    celeriac::main!()
}
