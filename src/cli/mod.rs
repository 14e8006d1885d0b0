//! `celeriac::main!()`: one binary, every role, and the operator's commands. Each command is a file of its own: its
//! options, what it does, what it prints. What people read is aligned text; with `--json` each command prints one JSON
//! document. Log lines and errors go to standard error.
//!
//! Only the roles that execute tasks run the program's set-up, so that looking at a queue needs no connection to
//! anybody's database.

mod args;
mod batches;
mod call;
mod dead;
#[cfg(feature = "deploy")]
mod deploy;
mod dev;
mod dispatcher;
mod exit;
mod print;
mod queue;
mod role;
mod session;
mod signals;
mod status;
mod tasks;
mod worker;

use std::{ffi::OsString, future::Future, process::ExitCode};

use celeriac_core::ports::BoxError;
use clap::Parser;

use self::{
    args::{Cli, Command},
    exit::Failure,
    session::Session,
};
use crate::App;

/// What [`main!`](crate::main!) expands to: obeys the arguments of the process, or Lambda.
pub fn main<S, F>(setup: S) -> ExitCode
where
    S: FnOnce(App) -> F,
    F: Future<Output = Result<App, BoxError>>,
{
    #[cfg(feature = "lambda")]
    if crate::lambda::is_here() {
        return crate::lambda::main(setup);
    }
    run(setup, std::env::args_os())
}

/// Obeys these arguments, the first of which is the program's name: for programs with a command line of their own.
pub fn run<S, F>(setup: S, args: impl IntoIterator<Item = OsString>) -> ExitCode
where
    S: FnOnce(App) -> F,
    F: Future<Output = Result<App, BoxError>>,
{
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(answer) => {
            // Help goes to standard output and is no error. Nobody is left to tell if it cannot be written.
            let _ = answer.print();
            return ExitCode::from(answer.exit_code() as u8);
        }
    };
    match obey(cli, setup) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn obey<S, F>(cli: Cli, setup: S) -> Result<(), Failure>
where
    S: FnOnce(App) -> F,
    F: Future<Output = Result<App, BoxError>>,
{
    let common = cli.common;
    match cli.command.unwrap_or_default() {
        Command::Dev(dev) => dev.run(&common, setup),
        Command::Worker(worker) => worker.run(&common, setup),
        Command::Dispatcher(dispatcher) => dispatcher.run(&common),
        Command::Tasks(_) => tasks::Tasks::run(common.json),
        Command::Call(call) => Session::run(&common, |session| call.run(session)),
        Command::Status(status) => Session::run(&common, |session| status.run(session)),
        Command::Batches(batches) => Session::run(&common, |session| batches.run(session)),
        Command::Dead(dead) => Session::run(&common, |session| dead.run(session)),
        Command::Queue(queue) => Session::run(&common, |session| queue.run(session)),
        #[cfg(feature = "deploy")]
        Command::Deploy(deploy) => deploy.run(&common),
    }
}
