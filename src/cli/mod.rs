//! `celeriac::main!()`: one binary with every role and the operator's commands. Each command has its own file with its
//! options, its action and its output. People get aligned text; with `--json` each command prints one JSON document.
//! Log lines and errors go to standard error.
//!
//! Only the roles that execute tasks run the program's set-up, so that looking at a queue needs no connection to a
//! database.

mod answer;
mod args;
mod batches;
mod call;
mod common;
mod completions;
mod confirm;
mod dead;
#[cfg(feature = "deploy")]
mod deploy;
mod dev;
mod dispatcher;
mod exit;
mod health;
mod names;
mod print;
mod progress;
#[cfg_attr(not(target_os = "linux"), path = "no_pulse.rs")]
mod pulse;
mod queue;
mod role;
mod session;
mod signals;
mod status;
mod tasks;
mod worker;

use std::{ffi::OsString, future::Future, process::ExitCode};

use celeriac_core::ports::BoxError;
use clap::{CommandFactory, FromArgMatches};

use self::{
    args::{Cli, Command},
    exit::Failure,
    session::Session,
};
use crate::App;

/// The program's name and version, as its command line prints them.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its package.
    pub name: &'static str,
    /// The package's version.
    pub version: &'static str,
}

/// The target of [`main!`](crate::main!): runs the command in the process's arguments, or serves Lambda.
pub fn main<S, F>(program: Program, setup: S) -> ExitCode
where
    S: FnOnce(App) -> F,
    F: Future<Output = Result<App, BoxError>>,
{
    if let Err(failure) = outside_of_runtimes() {
        return failure.report();
    }
    #[cfg(feature = "lambda")]
    if crate::lambda::is_here() {
        return crate::lambda::main(setup);
    }
    run(program, setup, std::env::args_os())
}

/// Runs the command in these arguments, the first of which is the program's name: for programs with their own command
/// line.
pub fn run<S, F>(program: Program, setup: S, args: impl IntoIterator<Item = OsString>) -> ExitCode
where
    S: FnOnce(App) -> F,
    F: Future<Output = Result<App, BoxError>>,
{
    if let Err(failure) = outside_of_runtimes() {
        return failure.report();
    }
    let version = format!("{} (celeriac {})", program.version, env!("CARGO_PKG_VERSION"));
    let command = Cli::command().name(program.name).version(version);
    let parsed = command.clone().try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(answer) => {
            // Help is no error. If the answer cannot be written, nobody reads it.
            let _ = answer::print(&answer);
            return ExitCode::from(answer.exit_code() as u8);
        }
    };
    match obey(cli, command, setup) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Refuses to run inside a tokio runtime: each role starts its own, which would panic there.
fn outside_of_runtimes() -> Result<(), Failure> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Ok(());
    }
    Err(Failure::Start(
        "`celeriac::main!` was called in a tokio runtime, but it starts its own: remove `#[tokio::main]` and `async`, \
         as in `fn main() -> std::process::ExitCode { celeriac::main!(setup) }`, and move async code into the set-up, \
         an `async fn setup(app: App) -> Result<App, BoxError>`"
            .to_owned(),
    ))
}

fn obey<S, F>(cli: Cli, program: clap::Command, setup: S) -> Result<(), Failure>
where
    S: FnOnce(App) -> F,
    F: Future<Output = Result<App, BoxError>>,
{
    let common = cli.common;
    match cli.command.unwrap_or_default() {
        Command::Dev(dev) => dev.run(&common, setup),
        Command::Worker(worker) => worker.run(&common, setup),
        Command::Dispatcher(dispatcher) => dispatcher.run(&common),
        Command::Tasks(_) => tasks::Tasks::run(&common),
        Command::Call(call) => Session::run(&common, |session| call.run(session)),
        Command::Status(status) => Session::run(&common, |session| status.run(session)),
        Command::Batches(batches) => Session::run(&common, |session| batches.run(session)),
        Command::Dead(dead) => Session::run(&common, |session| dead.run(session)),
        Command::Health(health) => Session::run(&common, |session| health.run(session)),
        Command::Queue(queue) => Session::run(&common, |session| queue.run(session)),
        #[cfg(feature = "deploy")]
        Command::Deploy(deploy) => deploy.run(&common),
        Command::Completions(completions) => completions.run(program),
        Command::Man(man) => man.run(program),
    }
}
