//! `deploy package`: writes the zip of the functions.

use std::{fs, path::PathBuf};

use clap::Args;
use serde::Serialize;

use super::{
    super::{exit::Failure, print},
    Settings,
    program::Program,
};

/// Packs this program as the zip that its functions run
///
/// Lambda runs only Linux programs, built for the architecture in the settings and for a C library that is not newer than
/// its own.
#[derive(Debug, Args)]
pub(super) struct Package {
    #[command(flatten)]
    settings: Settings,

    /// Where to write the zip
    #[arg(long, value_name = "FILE", default_value = "function.zip")]
    out: PathBuf,

    #[command(flatten)]
    program: Program,
}

#[derive(Serialize)]
struct Answer {
    file: PathBuf,
    bytes: usize,
    architecture: &'static str,
    /// Different for each content: use it as part of the zip's key.
    id: String,
    warnings: Vec<String>,
}

impl Package {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let settings = self.settings.read()?;
        let package = self.program.pack(&settings)?;
        fs::write(&self.out, &package.zip)
            .map_err(|error| Failure::Failed(format!("`{}` cannot be written: {error}", self.out.display())))?;
        let answer = Answer {
            bytes: package.zip.len(),
            architecture: settings.architecture().as_str(),
            id: package.id(),
            file: self.out,
            warnings: package.warnings,
        };
        if json { print::write_json(&answer) } else { print::write(&answer.text()) }
    }
}

impl Answer {
    fn text(&self) -> String {
        print::fields(&[
            ("file", self.file.display().to_string()),
            ("size", format!("{:.1} MB", self.bytes as f64 / f64::from(1 << 20))),
            ("architecture", self.architecture.to_owned()),
            ("id", self.id.clone()),
        ])
    }
}
