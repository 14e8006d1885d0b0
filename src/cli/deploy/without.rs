//! `deploy apply`, `deploy check` and `deploy rollback` of a program that was built without them: they say how to build it.

use clap::Args;

use super::super::{common::Common, exit::Failure};

/// Deploys the stack (needs the feature `apply`)
#[derive(Debug, Args)]
pub(super) struct Apply {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    all: Vec<String>,
}

/// Looks whether the deployed stack is as it should be (needs the feature `apply`)
#[derive(Debug, Args)]
pub(super) struct Check {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    all: Vec<String>,
}

/// Points the functions of a stack at the version that they ran before the last deployment (needs the feature `apply`)
#[derive(Debug, Args)]
pub(super) struct Rollback {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    all: Vec<String>,
}

impl Apply {
    #[allow(clippy::unused_self, reason = "as the command that runs")]
    pub(super) fn run(self, _: &Common) -> Result<(), Failure> {
        Err(without("apply"))
    }
}

impl Check {
    #[allow(clippy::unused_self, reason = "as the command that runs")]
    pub(super) fn run(self, _: &Common) -> Result<(), Failure> {
        Err(without("check"))
    }
}

impl Rollback {
    #[allow(clippy::unused_self, reason = "as the command that runs")]
    pub(super) fn run(self, _: &Common) -> Result<(), Failure> {
        Err(without("rollback"))
    }
}

fn without(command: &str) -> Failure {
    Failure::Usage(format!(
        "this program is built without `deploy {command}`, so that its functions stay small: build it for your own machine \
         with the feature `apply` of celeriac, as in `cargo run --features celeriac/apply -- deploy {command}`"
    ))
}
