//! Does a deployment keep what it promises?
//!
//! ```text
//! cargo run --profile lambda --features aws --example smoke -- deploy package --settings examples/smoke/deploy.toml --out smoke.zip
//! cargo run --features aws --example smoke -- deploy template --store aws:smoke --settings examples/smoke/deploy.toml > smoke.json
//! cargo run --features aws --example smoke -- smoke --store aws:smoke                              # deployed: does it work?
//! cargo run --features aws --example smoke -- drill broken-init --store aws:smoke                  # and in trouble?
//! ```
//!
//! The first on Linux of the functions' processor; `architecture` in the settings says which.
//!
//! Its `tasks` succeed, fail, hang, die and run for long; the `checks` call them and look at the results. It works on
//! AWS and on any service with its protocols (`AWS_ENDPOINT_URL`). It prints a line for each check with its
//! measurement, and the total cost at the end. On AWS that is less than five cents; `--limit` stops it before more.
//!
//! The `drills` bring the stack into trouble on purpose and mend it: docs/simulation.md says what is expected of each.

#![allow(unreachable_pub, reason = "a program: nothing of it is reachable, and `pub` says what a module offers")]

mod checks;
mod drills;
mod site;
mod suite;
mod tasks;

use std::process::ExitCode;

use celeriac::{App, BoxError, STORE_VARIABLE, StoreUrl};
use clap::Parser;

/// Checks a deployed stack of this program: every way a call can go, and what it costs.
#[derive(Parser)]
#[command(name = "smoke smoke", after_help = EXIT_CODES)]
struct Options {
    /// The stack, as `aws:NAME`.
    #[arg(long, value_name = "URL", env = STORE_VARIABLE)]
    store: StoreUrl,
    /// Only the checks whose names contain this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Also those that take longer than two minutes: a delay of over a quarter of an hour.
    #[arg(long)]
    slow: bool,
    /// Stop before the requests of this process have cost more, in dollars. What the functions cost is about as much again.
    #[arg(long, value_name = "DOLLARS", default_value_t = 0.05)]
    limit: f64,
    /// Print one JSON line for each check.
    #[arg(long)]
    json: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  every check passed
  1  a check failed; its line says what was seen
  2  the command line is wrong
  3  the stack cannot be reached, or the limit was reached";

/// The variable with which the set-up fails, for a drill.
const BROKEN: &str = "SMOKE_BROKEN_INIT";

async fn setup(app: App) -> Result<App, BoxError> {
    if std::env::var_os(BROKEN).is_some() {
        return Err(format!("{BROKEN} is set: a drill has broken this function on purpose").into());
    }
    Ok(app)
}

fn main() -> ExitCode {
    let mut args = std::env::args_os().peekable();
    let program = args.next();
    let first = args.peek().and_then(|first| first.to_str()).unwrap_or_default().to_owned();
    let args = program.into_iter().chain(args.skip(1));
    let done = match first.as_str() {
        "smoke" => suite::run(&Options::parse_from(args)),
        "drill" => drills::run(&drills::Options::parse_from(args)),
        // A function's start, or a command: `deploy`, `status`, `dead list`, `--help` ..
        _ => return celeriac::main!(setup),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", suite::explain(&error));
            ExitCode::from(3)
        }
    }
}
