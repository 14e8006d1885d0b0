//! What a task function may return.

use std::any::TypeId;

use super::{Data, Stop};
use crate::{
    panics::{discard, guard},
    wire::encode_args,
};

/// How a call ended: an encoded result, none when the task returns `()`, or why not.
pub type Ended = Result<Option<Vec<u8>>, Stop>;

/// What a task function may return: `()` or `Result<T, E>`.
#[diagnostic::on_unimplemented(
    message = "a task returns `()` or `Result<T, E>`, not `{Self}`",
    label = "return `Result<{Self}, E>`",
    note = "`T: Serialize + DeserializeOwned`; `E: Into<celeriac::Stop>` (any `std::error::Error`, `anyhow::Error`, `String`)"
)]
pub trait Outcome {
    /// What a caller gets back.
    type Output: 'static;

    /// Encodes it.
    fn encode(self) -> Ended;
}

impl Outcome for () {
    type Output = ();

    fn encode(self) -> Ended {
        Ok(None)
    }
}

impl<T: Data, E: Into<Stop>> Outcome for Result<T, E> {
    type Output = T;

    fn encode(self) -> Ended {
        let value = self.map_err(Into::into)?;
        if TypeId::of::<T>() == TypeId::of::<()>() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let encoded = guard(|| encode_args(&value, &mut bytes).map_err(|error| error.to_string()));
        discard(value);
        // Not `Retry`: the work is done, and would be done again for the same end.
        match encoded {
            Ok(Ok(())) => Ok(Some(bytes)),
            Ok(Err(error)) => Err(Stop::Cancel(format!("ran, but its result cannot be serialised: {error}"))),
            Err(panic) => Err(Stop::Cancel(format!("ran, but its result {}", panic.during("while it was serialised")))),
        }
    }
}
