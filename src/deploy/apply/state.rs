//! What can be done to a stack in its state.

use celeriac_aws::Stack;

use crate::deploy::audit::StackState;

/// The kind of change that a stack needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Create,
    Update,
}

/// Why nothing can be deployed to a stack, and the cure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stack {stack} {why}")]
pub(crate) struct Blocked {
    stack: String,
    /// Its state, and the cure.
    pub(crate) why: String,
}

/// Whether a stack is what a failed first deployment leaves: nothing but its name.
pub(crate) fn is_failed_first(status: &str) -> bool {
    matches!(status, "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED")
}

/// How a stack can be deployed.
pub(crate) fn ready(stack: &Stack, state: Option<&StackState>) -> Result<Kind, Blocked> {
    let Some(state) = state else { return Ok(Kind::Create) };
    let status = state.status.as_str();
    let cure = match status {
        // Someone has made a change set for a new stack. Another one may be made.
        "REVIEW_IN_PROGRESS" => return Ok(Kind::Create),
        status if is_failed_first(status) => {
            "its first deployment failed, and CloudFormation never updates such a stack. \
             `deploy apply --recreate` deletes it and creates it again; nothing is lost, since no call has run on it"
                .to_owned()
        }
        "UPDATE_ROLLBACK_FAILED" => format!(
            "its last deployment failed, and could not be undone. Mend what the reason says, then `aws cloudformation \
             continue-update-rollback --stack-name {stack}`, then deploy again"
        ),
        "DELETE_FAILED" => format!(
            "it was to be deleted, and something could not be. Mend what the reason says, then `aws cloudformation \
             delete-stack --stack-name {stack}`"
        ),
        status if status.ends_with("_IN_PROGRESS") => {
            "something else changes it at this moment: wait until it is done, then deploy again".to_owned()
        }
        status if status.ends_with("_COMPLETE") => return Ok(Kind::Update),
        // `UPDATE_FAILED`, `IMPORT_ROLLBACK_FAILED`: someone has switched rollback off.
        _ => format!(
            "its last change failed, and was not undone: `aws cloudformation rollback-stack --stack-name {stack}`, then \
             deploy again"
        ),
    };
    let reason = state.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    Err(Blocked { stack: stack.to_string(), why: format!("is {status}{reason}: {cure}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(status: &str) -> Result<Kind, String> {
        let stack: Stack = "prod".parse().expect("a name");
        let state = StackState { status: status.to_owned(), reason: Some("why".to_owned()), ..StackState::default() };
        ready(&stack, Some(&state)).map_err(|blocked| blocked.to_string())
    }

    #[test]
    fn stacks_that_can_be_deployed_are_created_or_updated() {
        let stack: Stack = "prod".parse().expect("a name");
        assert_eq!(ready(&stack, None), Ok(Kind::Create));
        assert_eq!(state("REVIEW_IN_PROGRESS"), Ok(Kind::Create));
        for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"] {
            assert_eq!(state(status), Ok(Kind::Update), "{status}");
        }
    }

    #[test]
    fn stacks_that_cannot_be_deployed_have_their_cure() {
        for (status, cure) in [
            ("ROLLBACK_COMPLETE", "`deploy apply --recreate` deletes it"),
            ("ROLLBACK_FAILED", "`deploy apply --recreate` deletes it"),
            ("CREATE_FAILED", "`deploy apply --recreate` deletes it"),
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name prod"),
            ("DELETE_FAILED", "delete-stack --stack-name prod"),
            ("UPDATE_FAILED", "rollback-stack --stack-name prod"),
            ("CREATE_IN_PROGRESS", "wait until it is done"),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "wait until it is done"),
        ] {
            let why = state(status).expect_err(status);
            assert!(why.starts_with(&format!("stack prod is {status} (why): ")) && why.contains(cure), "{why}");
        }
    }
}
