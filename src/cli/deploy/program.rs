//! The program that becomes the functions, as an option of commands.

use std::{env, fs, path::PathBuf};

use clap::Args;

use super::super::exit::Failure;
use crate::{deploy, stderr};

/// The program that becomes the functions.
#[derive(Debug, Args)]
pub(super) struct Program {
    /// The program to pack. Defaults to this one
    #[arg(long, value_name = "PATH")]
    pub(super) binary: Option<PathBuf>,

    /// The C library of the system that runs the zip, if that is not Lambda
    #[arg(long, value_name = "VERSION", default_value_t = deploy::Glibc::LAMBDA)]
    pub(super) glibc: deploy::Glibc,
}

impl Program {
    /// Packs it, and prints warnings.
    pub(super) fn pack(&self, settings: &deploy::Settings) -> Result<deploy::Package, Failure> {
        let binary = match &self.binary {
            Some(binary) => binary.clone(),
            None => env::current_exe()
                .map_err(|error| Failure::Failed(format!("this program does not know where it is: {error}")))?,
        };
        let about = |what: &str| format!("the program `{}` {what}", binary.display());
        let bytes = fs::read(&binary).map_err(|error| Failure::Usage(about(&format!("cannot be read: {error}"))))?;
        let package = deploy::Package::new(&bytes, settings.architecture(), self.glibc).map_err(|error| {
            Failure::Usage(about(&format!("cannot be a function: {}", celeriac_core::task::chain(&error))))
        })?;
        for warning in &package.warnings {
            stderr::say(format_args!("warning: {}", about(warning.as_str())));
        }
        Ok(package)
    }
}
