//! Judges the state of the stack at `CloudFormation`.

use super::{Finding, Live, Wanted, part::unknown};
use crate::deploy::apply::ready;

/// The state of a stack.
#[derive(Clone, Debug, Default)]
pub(crate) struct StackState {
    /// Its ARN, which also names it once it is deleted.
    pub(crate) id: String,
    /// In `CloudFormation`'s words.
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    /// Names and values.
    pub(crate) outputs: Vec<(String, String)>,
}

pub(super) fn judge(wanted: &Wanted<'_>, live: &Live) -> Finding {
    let stack = wanted.stack();
    let subject = format!("stack {stack}");
    let state = match &live.stack {
        Ok(Some(state)) => state,
        Ok(None) => return Finding::error(subject, "does not exist: `deploy apply` makes it"),
        Err(why) => return unknown(&subject, why),
    };
    if state.status.ends_with("_IN_PROGRESS") {
        return Finding::warning(subject, format!("is {}: look again when that is done", state.status));
    }
    if let Err(blocked) = ready(stack, Some(state)) {
        return Finding::error(subject, blocked.why);
    }
    match state.status.as_str() {
        "UPDATE_ROLLBACK_COMPLETE" | "IMPORT_ROLLBACK_COMPLETE" => Finding::warning(
            subject,
            format!("{}: the last deployment failed and was undone; `deploy apply` says why", state.status),
        ),
        status => Finding::ok(subject, status),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Level, testing::Stage},
        *,
    };

    fn judged(stack: Option<&str>) -> (Level, String) {
        let mut stage = Stage::new("");
        stage.live.stack = Ok(stack.map(|status| StackState { status: status.to_owned(), ..StackState::default() }));
        let finding = stage.judge(|wanted, live| vec![judge(wanted, live)]).remove(0);
        (finding.level, finding.text)
    }

    #[test]
    fn each_state_has_its_cure() {
        assert_eq!(judged(Some("UPDATE_COMPLETE")), (Level::Ok, "UPDATE_COMPLETE".to_owned()));
        assert_eq!(judged(None), (Level::Error, "does not exist: `deploy apply` makes it".to_owned()));
        for (status, level, cure) in [
            ("UPDATE_ROLLBACK_COMPLETE", Level::Warning, "`deploy apply` says why"),
            ("ROLLBACK_COMPLETE", Level::Error, "`deploy apply --recreate`"),
            ("UPDATE_IN_PROGRESS", Level::Warning, "look again when that is done"),
            ("UPDATE_ROLLBACK_FAILED", Level::Error, "aws cloudformation continue-update-rollback --stack-name prod"),
        ] {
            let (found, text) = judged(Some(status));
            assert_eq!(found, level, "{status}");
            assert!(text.contains(cure), "{status}: {text}");
        }
    }
}
