//! `deploy`: makes a stack on AWS what this program and its settings want, by itself or by tools of yours.

#[cfg(feature = "apply")]
mod apply;
#[cfg(feature = "apply")]
mod check;
mod package;
mod program;
#[cfg(feature = "apply")]
mod rollback;
mod template;
#[cfg(not(feature = "apply"))]
mod without;

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
#[cfg(feature = "apply")]
use tracing::level_filters::LevelFilter;

#[cfg(not(feature = "apply"))]
use self::without::{Apply, Check, Rollback};
#[cfg(feature = "apply")]
use self::{apply::Apply, check::Check, rollback::Rollback};
use self::{package::Package, template::Template};
use super::{common::Common, exit::Failure};
use crate::deploy;

/// Deploys this program on AWS, or writes what other tools deploy: the template of its stack, the zip of its functions
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Deploy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Apply(Apply),
    Check(Check),
    Rollback(Rollback),
    Template(Template),
    Package(Package),
}

/// The settings of a stack.
#[derive(Debug, Args)]
struct Settings {
    /// The settings of the stack, in TOML. Without it all settings have their defaults
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

impl Deploy {
    pub(super) fn run(self, common: &Common) -> Result<(), Failure> {
        match self.command {
            Command::Apply(apply) => apply.run(common),
            Command::Check(check) => check.run(common),
            Command::Rollback(rollback) => rollback.run(common),
            Command::Template(template) => template.run(common),
            Command::Package(package) => package.run(common.json),
        }
    }
}

/// Runs a command that talks to AWS to its end.
#[cfg(feature = "apply")]
fn block_on<T>(common: &Common, command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    common.logging(LevelFilter::WARN).install();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::start(format!("no runtime: {error}")))?;
    runtime.block_on(command)
}

impl Settings {
    fn read(&self) -> Result<deploy::Settings, Failure> {
        let Some(file) = &self.settings else { return Ok(deploy::Settings::default()) };
        let text = fs::read_to_string(file)
            .map_err(|error| Failure::Usage(format!("the settings `{}` cannot be read: {error}", file.display())))?;
        deploy::Settings::parse(&text).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
    }
}
