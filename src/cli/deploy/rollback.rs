//! `deploy rollback`: the functions of a stack run the version before.

use clap::Args;
use serde::Serialize;

use super::{
    super::{
        common::Common,
        exit::Failure,
        print::{self, Table},
    },
    block_on,
};
use crate::{
    deploy::{
        account::Account,
        rollback::{self, RollbackError, Step},
    },
    stderr,
};

/// Points the functions of a stack at the version that they ran before the last deployment
///
/// Takes a second: nothing is built, uploaded or deployed. It changes all functions or none. Running invocations finish
/// with their code, and no call is lost. Once more, and they run the version before that one.
#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// Say which versions they would run, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Answer {
    stack: String,
    /// What became of it.
    result: &'static str,
    functions: Vec<Step>,
}

/// What to know after a step back.
const FORWARD: &str = "the next `deploy apply` of another program, or of settings that change a function, goes forward again. The \
                       same program and settings change nothing";

impl Rollback {
    pub(super) fn run(self, common: &Common) -> Result<(), Failure> {
        let stack = common.stack()?;
        let functions = block_on(common, async {
            let account = Account::open(&stack).await.map_err(Failure::start)?;
            let steps = rollback::steps(&account, &stack).await?;
            if !self.dry_run {
                rollback::run(&account, &steps).await?;
            }
            Ok(steps)
        })?;
        let result = if self.dry_run { "would step back" } else { "stepped back" };
        let answer = Answer { stack: stack.to_string(), result, functions };
        if common.json {
            print::write_json(&answer)?;
        } else {
            print::write(&answer.text())?;
        }
        if !self.dry_run {
            stderr::say(FORWARD);
        }
        Ok(())
    }
}

impl Answer {
    fn text(&self) -> String {
        let mut table = Table::new(&["FUNCTION", ">FROM", ">TO", "PROGRAM"]);
        for Step { function, from, to, program, .. } in &self.functions {
            table.row([function.clone(), from.clone(), to.to_string(), program.clone()]);
        }
        format!("stack {} {}\n{table}", self.stack, self.result)
    }
}

impl From<RollbackError> for Failure {
    fn from(error: RollbackError) -> Self {
        Self::Failed(error.to_string())
    }
}
