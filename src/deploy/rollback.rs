//! The step back: points the alias `live` of every function of a stack at the version before. Nothing is built, and
//! `CloudFormation` takes no part in it.
//!
//! A deployment publishes a version of each function that it changes. With another program these are all functions. A
//! deployment of other settings may change a few. Then only these step back: the version before of the others has another
//! program, and the functions of a stack have to run the same one.

use celeriac_aws::{RequestError, Stack};
use serde::Serialize;

use super::{
    account::{Account, Alias, Version},
    apply::{Blocked, ready},
    versions::ALIAS,
};

/// A function with the version that its alias names, and the one before.
#[derive(Clone, Debug)]
struct Published {
    function: String,
    alias: Alias,
    /// The key of the zip that it runs; empty if the version is gone.
    program: String,
    before: Option<Version>,
}

/// The step back of one function.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) function: String,
    pub(crate) from: String,
    pub(crate) to: u64,
    /// The key of the zip that the function runs from then on.
    pub(crate) program: String,
    #[serde(skip)]
    revision: Option<String>,
}

/// Why a stack has not stepped back. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RollbackError {
    /// There is nothing to step back.
    #[error("stack {0} does not exist: `deploy apply` makes it")]
    NoStack(String),
    /// A deployment is under way, or has failed.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// A request failed.
    #[error("cannot look at {0}: {1}")]
    Look(String, String),
    /// The stack was deployed without versions.
    #[error(
        "function {0} has no alias `{ALIAS}`, since it was deployed without versions: deploy the older program, `deploy \
         apply --binary PATH`, which publishes versions from then on"
    )]
    NoAlias(String),
    /// There is only one version.
    #[error(
        "function {0} has no version before {1}, so no function steps back: deploy the older program, `deploy apply --binary \
         PATH`"
    )]
    NoVersion(String, String),
    /// A function could not step back.
    #[error("cannot point the alias `{ALIAS}` of {0} at version {1}: {2}; {3}")]
    Point(String, u64, String, String),
}

/// The steps back of a stack. Nothing is changed yet.
pub(crate) async fn steps(account: &Account, stack: &Stack) -> Result<Vec<Step>, RollbackError> {
    let look = |what: &str, why: String| RollbackError::Look(what.to_owned(), why);
    let state = account.stack(stack.as_str()).await.map_err(|error| look("the stack", error.to_string()))?;
    // A stack with nothing but a change set is none yet.
    let state = state.filter(|state| state.status != "REVIEW_IN_PROGRESS");
    let state = state.ok_or_else(|| RollbackError::NoStack(stack.to_string()))?;
    // A deployment that is under way points the aliases somewhere else.
    ready(stack, Some(&state))?;
    let functions = account.functions(&state.id).await.map_err(|why| look("the functions of the stack", why))?;
    let mut published = Vec::new();
    for function in functions {
        published.push(look_at(account, function).await?);
    }
    plan(published)
}

/// Makes the steps: all of them, or none.
pub(crate) async fn run(account: &Account, steps: &[Step]) -> Result<(), RollbackError> {
    for (at, step) in steps.iter().enumerate() {
        let (function, to) = (&step.function, step.to);
        let pointed = account.point(function, &to.to_string(), step.revision.clone()).await;
        if let Err(error) = pointed {
            let undone = undo(account, &steps[..at]).await;
            return Err(RollbackError::Point(function.clone(), to, error.to_string(), undone));
        }
    }
    Ok(())
}

/// Points functions that have stepped back at where they were. Says how that ended.
async fn undo(account: &Account, steps: &[Step]) -> String {
    let mut back = Vec::new();
    for Step { function, from, .. } in steps {
        if account.point(function, from, None).await.is_err() {
            back.push(format!(
                "`aws lambda update-alias --function-name {function} --name {ALIAS} --function-version {from}`"
            ));
        }
    }
    if back.is_empty() {
        return "all functions are where they were".to_owned();
    }
    format!("functions of two versions run now. To bring them together: {}", back.join(", "))
}

async fn look_at(account: &Account, function: String) -> Result<Published, RollbackError> {
    let look = |error: RequestError| RollbackError::Look(format!("function {function}"), error.to_string());
    let alias = account.alias(&function).await.map_err(look)?;
    let Some(alias) = alias else { return Err(RollbackError::NoAlias(function)) };
    let versions = account.versions(&function).await.map_err(look)?;
    Ok(published(function, alias, versions))
}

fn published(function: String, alias: Alias, versions: Vec<Version>) -> Published {
    // `$LATEST` comes after all versions.
    let live = alias.version.parse().unwrap_or(u64::MAX);
    let program = versions.iter().find(|version| version.number == live);
    let program = program.map_or_else(String::new, |version| version.program.clone());
    let before = versions.into_iter().filter(|version| version.number < live).max_by_key(|version| version.number);
    Published { function, alias, program, before }
}

/// Which functions step back, and to which versions.
fn plan(published: Vec<Published>) -> Result<Vec<Step>, RollbackError> {
    let has_the_program = |one: &Published| one.before.as_ref().is_some_and(|before| before.program == one.program);
    let settings_alone = published.iter().any(has_the_program);
    let stepping = published.into_iter().filter(|one| !settings_alone || has_the_program(one));
    let step = |Published { function, alias, before, .. }: Published| match before {
        Some(Version { number, program }) => {
            Ok(Step { function, from: alias.version, to: number, program, revision: alias.revision })
        }
        None => Err(RollbackError::NoVersion(function, alias.version)),
    };
    stepping.map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function whose alias names this version, and that has these, each with its program.
    fn function(name: &str, live: &str, versions: &[(u64, &str)]) -> Published {
        let versions =
            versions.iter().map(|(number, program)| Version { number: *number, program: (*program).to_owned() });
        let alias = Alias { version: live.to_owned(), revision: None };
        published(name.to_owned(), alias, versions.collect())
    }

    fn planned(functions: Vec<Published>) -> Vec<(String, String, u64)> {
        let steps = plan(functions).expect("there are versions before");
        steps.into_iter().map(|step| (step.function, step.from, step.to)).collect()
    }

    fn step(name: &str, from: &str, to: u64) -> (String, String, u64) {
        (name.to_owned(), from.to_owned(), to)
    }

    #[test]
    fn all_functions_step_back_to_the_older_program() {
        let functions = vec![
            function("dispatcher", "2", &[(1, "old"), (2, "new")]),
            function("worker", "12", &[(9, "older"), (10, "old"), (12, "new")]),
        ];
        assert_eq!(planned(functions), [step("dispatcher", "2", 1), step("worker", "12", 10)]);
    }

    #[test]
    fn a_second_step_goes_on_from_the_first() {
        let functions = vec![function("worker", "2", &[(1, "oldest"), (2, "old"), (3, "new")])];
        assert_eq!(planned(functions), [step("worker", "2", 1)]);
    }

    #[test]
    fn after_other_settings_only_the_functions_that_they_changed_step_back() {
        let functions = vec![
            function("dispatcher", "2", &[(1, "old"), (2, "new")]),
            function("worker", "3", &[(1, "old"), (2, "new"), (3, "new")]),
            function("worker-3008", "1", &[(1, "new")]),
        ];
        assert_eq!(planned(functions), [step("worker", "3", 2)]);
    }

    #[test]
    fn an_alias_that_was_pointed_at_the_latest_code_steps_back_to_the_last_version() {
        let functions = vec![function("worker", "$LATEST", &[(1, "old"), (2, "new")])];
        assert_eq!(planned(functions), [step("worker", "$LATEST", 2)]);
    }

    #[test]
    fn a_function_without_an_older_version_keeps_all_where_they_are() {
        let functions =
            vec![function("dispatcher", "2", &[(1, "old"), (2, "new")]), function("worker", "1", &[(1, "new")])];
        let error = plan(functions).expect_err("the worker has one version");
        assert_eq!(
            error.to_string(),
            "function worker has no version before 1, so no function steps back: deploy the older program, `deploy apply \
             --binary PATH`"
        );
    }
}
