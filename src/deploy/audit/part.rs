//! What became of looking one part of a stack up.

use super::{Finding, Parts};

/// What was looked up, or why it could not be.
pub(crate) type Looked<T> = Result<T, String>;

/// The cure for whatever differs from the template. `deploy apply` alone changes only what differs between two templates
/// (`Using drift-aware change sets` in the guide of `CloudFormation`).
pub(super) const REVERT: &str = "`deploy apply --revert-drift` sets it right";

/// The part with this id. A finding says why there is none to judge.
pub(super) fn find<'a, T>(parts: &'a Parts<T>, id: &str, subject: &str) -> Result<&'a T, Finding> {
    match parts.get(id) {
        Some(Ok(Some(part))) => Ok(part),
        Some(Ok(None)) => Err(Finding::error(subject, format!("was deleted, but not by CloudFormation: {RECREATE}"))),
        Some(Err(why)) => Err(unknown(subject, why)),
        None => Err(Finding::error(subject, "is not in the stack: `deploy apply` makes it")),
    }
}

const RECREATE: &str = "`deploy apply --revert-drift` makes it again";

/// What could not be looked up may be wrong.
pub(super) fn unknown(subject: &str, why: &str) -> Finding {
    Finding::error(subject, format!("cannot be looked up: {why}"))
}
