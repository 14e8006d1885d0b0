//! How a command ends: its exit code and its error text.

use std::{fmt::Display, process::ExitCode};

use celeriac_core::{client, ports::PortError};

use crate::stderr;

/// The exit codes, for scripts. They are part of `--help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0    done; a role was stopped, also if the grace was over
  1    failed: the store did not answer or is gone, the call that was waited for died, dead letters of a revoked batch
       were not sent, a stack was not deployed or is not as it should be, or you did not say yes
  2    wrong usage: an unknown option, a malformed id, arguments that do not fit the task, settings of a stack, changes
       that would lose calls
  3    could not start: the database or stack, credentials to deploy, the tasks of this program, its set-up, a schedule
  4    not found: no such task, call, batch, dead letter or queue
  5    a call that was waited for did not end in time
  130  ended by ctrl-c (143 by SIGTERM): a role by the second, or if it still runs five seconds after its grace; a
       command that waits by the first";

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The store failed.
    #[error("{0}")]
    Failed(String),
    /// The request is invalid.
    #[error("{0}")]
    Usage(String),
    /// The program cannot start.
    #[error("{0}")]
    Start(String),
    /// The named thing does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The printed answer contains the failure.
    #[error("")]
    Answered(u8),
}

/// The exit code if the awaited call died.
pub(super) const DIED: u8 = 1;

/// The exit code if the awaited call did not end in time.
pub(super) const NOT_IN_TIME: u8 = 5;

impl Failure {
    pub(super) fn start(error: impl Display) -> Self {
        Self::Start(error.to_string())
    }

    pub(super) fn usage(error: impl Display) -> Self {
        Self::Usage(error.to_string())
    }

    /// Prints the error on standard error and returns the exit code.
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
