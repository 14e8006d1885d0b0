//! How a command ends: its exit code, and what it says when it does not end well.

use std::{fmt::Display, process::ExitCode};

use celeriac_core::{client, ports::PortError};

use crate::stderr;

/// The exit codes, for scripts. They stand in `--help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0    done; a role was stopped gracefully
  1    failed: the store did not answer or is gone, or the call that was waited for died
  2    wrong usage: an unknown option, a malformed id, arguments that do not fit the task, settings of a stack
  3    could not start: the database or stack, the tasks of this program, its set-up, a schedule
  4    not found: no such task, call, batch or dead letter
  5    a call that was waited for did not end in time
  130  stopped by force: by a second ctrl-c, when the grace was over, or while `call --wait` waited (143 after SIGTERM)";

/// Why a command did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The store did not do its part.
    #[error("{0}")]
    Failed(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The program cannot start.
    #[error("{0}")]
    Start(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The answer has been printed and says the rest.
    #[error("")]
    Answered(u8),
}

/// The code of a call that was waited for and died.
pub(super) const DIED: u8 = 1;

/// The code of a call that was waited for and did not end in time.
pub(super) const NOT_IN_TIME: u8 = 5;

impl Failure {
    pub(super) fn start(error: impl Display) -> Self {
        Self::Start(error.to_string())
    }

    pub(super) fn usage(error: impl Display) -> Self {
        Self::Usage(error.to_string())
    }

    /// Says what is wrong on standard error, and answers the code.
    pub(super) fn report(&self) -> ExitCode {
        if !matches!(self, Self::Answered(_)) {
            stderr::say(format_args!("error: {self}"));
        }
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Start(_) => 3,
            Self::NotFound(_) => 4,
            Self::Answered(code) => *code,
        })
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::Failed(celeriac_core::task::chain(&error))
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        Self::Failed(celeriac_core::task::chain(&error))
    }
}
