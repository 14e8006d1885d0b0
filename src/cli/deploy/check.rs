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

/// The key of a zip that no stack has.
const UNKNOWN: &str = "celeriac/unknown.zip";

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
        let now_ms = SystemClock::new().now_ms();
        // Settings and tasks are judged before AWS is asked.
        let with_versions = settings.clone().with_code(UNKNOWN.to_owned());
        let mut wanted = Wanted::new(&stack, &registry, &with_versions, now_ms).map_err(Failure::start)?;
        let looked = block_on(common, async {
            Ok(match Account::open(&stack).await {
                Ok(account) => {
                    let who = format!("{} in account {}, {}", account.caller, account.id, account.region);
                    Ok((who, account.look(&stack).await))
                }
                Err(error) => Err(error.to_string()),
            })
        })?;
        let deployed;
        let findings = match looked {
            Ok((who, live)) => {
                if live.is_deployed() {
                    // Which zip the functions run is judged by its checksum. For the rest it is to be the one that they have.
                    deployed = settings.with_code(live.code());
                    // What needs versions cannot be had without them, and is a difference.
                    if let Ok(same) = Wanted::new(&stack, &registry, &deployed, now_ms) {
                        wanted = same;
                    }
                }
                let wanted = wanted.running(package.map(|package| package.code()));
                [vec![Finding::ok("credentials", who)], judge(&wanted, &live)].concat()
            }
            Err(why) => vec![Finding::error("credentials", why)],
        };
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
