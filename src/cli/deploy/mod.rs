//! `deploy`: prepares a stack on AWS.

mod package;
mod template;

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};

use self::{package::Package, template::Template};
use super::{common::Common, exit::Failure};
use crate::deploy;

/// Prepares this program for AWS: the template of its stack, and the zip of its functions
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Deploy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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
            Command::Template(template) => template.run(common),
            Command::Package(package) => package.run(common.json),
        }
    }
}

impl Settings {
    fn read(&self) -> Result<deploy::Settings, Failure> {
        let Some(file) = &self.settings else { return Ok(deploy::Settings::default()) };
        let text = fs::read_to_string(file)
            .map_err(|error| Failure::Usage(format!("the settings `{}` cannot be read: {error}", file.display())))?;
        deploy::Settings::parse(&text).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
    }
}
