//! The return values of task functions.

use std::{
    any::{TypeId, type_name},
    cell::RefCell,
    collections::HashMap,
    marker::PhantomData,
};

use super::{Data, Stop};
use crate::{
    panics::{discard, guard},
    wire::{Unlike, Way, decode_args, encode_args, read_back},
};

/// How a call ended: with an encoded result, with none if that is `()`, or with the reason for its failure.
pub type Ended = Result<Option<Vec<u8>>, Stop>;

/// The return value of a task function: a value, or a `Result` of one, which says whether the call succeeded.
/// `IS_RESULT` says which of the two it is. A `Result<T, E>` whose `E` is serialisable would fit both, but only as a
/// `Result` can it fail the call: the macro asks [`Shape`].
#[diagnostic::on_unimplemented(
    message = "a task cannot return `{Self}`",
    label = "`T` or `Result<T, E>` with `T: Serialize + DeserializeOwned`",
    note = "`E: Into<celeriac::Stop>` (any `std::error::Error`, `anyhow::Error`, `String`)"
)]
pub trait Outcome<const IS_RESULT: bool> {
    /// The type that a caller gets back.
    type Output: 'static;

    /// Encodes it.
    fn encode(self) -> Ended;
}

impl<T: Data> Outcome<false> for T {
    type Output = T;

    fn encode(self) -> Ended {
        encode(self)
    }
}

impl<T: Data, E: Into<Stop>> Outcome<true> for Result<T, E> {
    type Output = T;

    fn encode(self) -> Ended {
        encode(self.map_err(Into::into)?)
    }
}

/// Tells whether a type is a `Result`, whatever its name. For a `Result` it has an associated constant, which the
/// compiler prefers to that of the trait [`Plain`].
#[derive(Debug)]
pub struct Shape<T>(PhantomData<T>);

impl<T, E> Shape<Result<T, E>> {
    /// The type is a `Result`.
    pub const IS_RESULT: bool = true;
}

/// Says of any type that it is no `Result`, unless [`Shape`] says otherwise.
pub trait Plain {
    /// The type is no `Result`.
    const IS_RESULT: bool = false;
}

impl<T> Plain for Shape<T> {}

fn encode<T: Data>(value: T) -> Ended {
    if TypeId::of::<T>() == TypeId::of::<()>() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let encoded = guard(|| encode_args(&value, &mut bytes).map_err(|error| format!("cannot be serialised: {error}")));
    discard(value);
    let encoded = encoded.unwrap_or_else(|panic| Err(panic.during("while it was serialised")));
    let read = || verify::<T>(&bytes).map_err(|why| format!("does not read back as it was returned: {why}"));
    let read = |()| guard(read).unwrap_or_else(|panic| Err(panic.during("while it was read back")));
    // Not `Retry`: the work is done, and a second run would end the same way.
    match encoded.and_then(read) {
        Ok(()) => Ok(Some(bytes)),
        Err(why) => Err(Stop::Cancel(format!("ran, but its result {why}"))),
    }
}

/// How many results of a type each thread reads back, when not all are.
const READ_BACK: u32 = 64;

thread_local! {
    /// How many more results of each type are read back.
    static LEFT: RefCell<HashMap<TypeId, u32>> = RefCell::default();
}

/// Reads a result back as its caller will, if the caller might be unable to. That covers the first results of a type,
/// and all results of a type that serde reads through a buffer or that has failed once.
fn verify<T: Data>(bytes: &[u8]) -> Result<(), String> {
    let left = LEFT.with_borrow(|left| left.get(&TypeId::of::<T>()).copied()).unwrap_or(READ_BACK);
    if left == 0 && !cfg!(debug_assertions) {
        return Ok(());
    }
    let read = read_back::<T>(bytes);
    if matches!(read, Ok(Way::Typed)) {
        LEFT.with_borrow_mut(|all| all.insert(TypeId::of::<T>(), left.saturating_sub(1)));
    }
    match read {
        Ok(_) => Ok(()),
        Err(Unlike::Unreadable) => {
            Err(decode_args::<T>(bytes).err().map_or_else(String::new, |error| error.to_string()))
        }
        Err(Unlike::Changed(field)) => {
            tracing::debug!(
                result = type_name::<T>(),
                field,
                "a result does not read back as the value that was written"
            );
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Renamed = Result<u8, String>;
    type Of<E> = std::result::Result<(), E>;

    #[test]
    fn a_result_is_told_by_its_type_and_not_by_its_name() {
        const { assert!(Shape::<Renamed>::IS_RESULT) };
        const { assert!(Shape::<Of<std::io::Error>>::IS_RESULT) };
        const { assert!(Shape::<Result<Result<u8, String>, String>>::IS_RESULT) };
        const { assert!(!Shape::<()>::IS_RESULT) };
        const { assert!(!Shape::<Option<Renamed>>::IS_RESULT) };
        const { assert!(!Shape::<Vec<u8>>::IS_RESULT) };
    }

    #[test]
    fn a_result_that_could_be_a_value_is_a_result() {
        assert!(matches!(Outcome::<true>::encode(Renamed::Err("no".to_owned())), Err(Stop::Retry(_))));
    }

    #[test]
    fn a_unit_is_not_kept_and_a_value_is() {
        assert!(matches!(Outcome::<false>::encode(()), Ok(None)));
        assert!(matches!(Outcome::<true>::encode(Of::<String>::Ok(())), Ok(None)));
        assert!(matches!(Outcome::<false>::encode(7_u8), Ok(Some(bytes)) if bytes == [7]));
    }
}
