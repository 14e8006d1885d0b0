//! `deploy check`: looks whether the deployed stack is as it should be.

use std::path::PathBuf;

use celeriac_core::ports::{Clock, SystemClock};
use clap::Args;
use serde::Serialize;

use super::{
    super::{common::Common, exit::Failure, print, session},
    Settings, block_on,
    program::Program,
};
use crate::deploy::{
    self,
    account::Account,
    audit::{Finding, Level, Wanted, judge},
};

/// The exit code if something is wrong.
const WRONG: u8 = 1;

/// Looks whether the deployed stack is what this program and its settings want, and whether it can run
///
/// Prints a line for each thing: `ok`, or `warning` or `error` with the cure. Ends with code 1 if there is an error. It
/// changes nothing.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    settings: Settings,

    /// Also look whether the functions run this program
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,

    /// The C library of the system that runs the zip, if that is not Lambda
    #[arg(long, value_name = "VERSION", default_value_t = deploy::Glibc::LAMBDA)]
    glibc: deploy::Glibc,

    /// Print warnings and errors only
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Serialize)]
struct Answer {
    findings: Vec<Finding>,
    warnings: usize,
    errors: usize,
}

impl Check {
    pub(super) fn run(self, common: &Common) -> Result<(), Failure> {
        let stack = common.stack()?;
        let registry = session::registry()?;
        let settings = self.settings.read()?;
        let program = self.binary.as_ref().map(|binary| Program { binary: Some(binary.clone()), glibc: self.glibc });
        let package = program.map(|program| program.pack(&settings)).transpose()?;
        let wanted = Wanted::new(&stack, &registry, &settings, SystemClock::new().now_ms()).map_err(Failure::start)?;
        let wanted = wanted.running(package.map(|package| package.code()));
        let findings = block_on(common, async {
            Ok(match Account::open(&stack).await {
                Ok(account) => {
                    let who = format!("{} in account {}, {}", account.caller, account.id, account.region);
                    let mut findings = vec![Finding::ok("credentials", who)];
                    findings.extend(judge(&wanted, &account.look(&stack).await));
                    findings
                }
                Err(error) => vec![Finding::error("credentials", error.to_string())],
            })
        })?;
        let count = |level| findings.iter().filter(|finding| finding.level == level).count();
        let (warnings, errors) = (count(Level::Warning), count(Level::Error));
        let mut answer = Answer { findings, warnings, errors };
        let summary = answer.summary();
        answer.findings.retain(|finding| !self.quiet || finding.level != Level::Ok);
        if common.json {
            print::write_json(&answer)?;
        } else {
            print::write(&(answer.text() + &summary))?;
        }
        if errors > 0 { Err(Failure::Answered(WRONG)) } else { Ok(()) }
    }
}

impl Answer {
    fn text(&self) -> String {
        let line = |finding: &Finding| {
            let level = match finding.level {
                Level::Ok => "ok",
                Level::Warning => "warning",
                Level::Error => "error",
            };
            // One line for each, whatever a service has written.
            format!("{level:<7}  {}: {}\n", finding.subject, finding.text.replace('\n', " "))
        };
        self.findings.iter().map(line).collect()
    }

    fn summary(&self) -> String {
        let of = |number: usize, noun| print::count(number as u64, noun);
        format!(
            "{}: {}, {}\n",
            of(self.findings.len(), "check"),
            of(self.warnings, "warning"),
            of(self.errors, "error")
        )
    }
}
