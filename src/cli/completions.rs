//! `completions` and `man`: prints shell completions and manual pages.

use std::{fs, io, path::PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

use super::{exit::Failure, print};

/// Prints shell completions for this program, to be sourced by the shell
///
/// For bash: `source <(program completions bash)`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, mut command: Command) -> Result<(), Failure> {
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        print::write(&String::from_utf8_lossy(&script))
    }
}

/// Prints the manual page of this program, or writes the pages of all its commands
#[derive(Debug, Args)]
pub(super) struct Man {
    /// The folder to write a page for each command to, such as /usr/local/share/man/man1
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(&self, command: Command) -> Result<(), Failure> {
        let Some(folder) = &self.out else {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page).map_err(|error| Failure::Failed(error.to_string()))?;
            return print::write(&String::from_utf8_lossy(&page));
        };
        let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
        written.map_err(|error: io::Error| {
            Failure::Failed(format!("the pages cannot be written to `{}`: {error}", folder.display()))
        })?;
        print::write(&format!("wrote the manual pages to `{}`\n", folder.display()))
    }
}
