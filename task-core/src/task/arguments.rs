//! Reading the arguments of a call, and saying which of them is wrong.

use super::Task;
use crate::wire::decode_args;

/// What `MessagePack` has for a call without arguments: an empty map.
const NONE: &[u8] = &[0x80];

/// Reads the arguments of a call.
///
/// # Errors
/// Says which argument is wrong, and how.
pub fn read<T: Task>(bytes: &[u8]) -> Result<T::Args, String> {
    decode_args(bytes).map_err(|error| {
        // Only here, since following the path costs an allocation for each argument.
        let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
        match serde_path_to_error::deserialize::<_, T::Args>(&mut deserializer) {
            Ok(_) => error.to_string(),
            Err(error) => name(&error.path().to_string(), &error.inner().to_string()),
        }
    })
}

/// Reads the arguments of a task that has a schedule, whose runs are called without any.
pub fn read_or_default<T: Task<Args: Default>>(bytes: &[u8]) -> Result<T::Args, String> {
    if bytes == NONE { Ok(T::Args::default()) } else { read::<T>(bytes) }
}

/// What is wrong with the arguments of a call.
pub fn check<T: Task>(bytes: &[u8]) -> Result<(), String> {
    read::<T>(bytes).map(drop)
}

/// What is wrong with the arguments of a task that has a schedule.
pub fn check_or_default<T: Task<Args: Default>>(bytes: &[u8]) -> Result<(), String> {
    read_or_default::<T>(bytes).map(drop)
}

/// The error, with the argument that has it.
fn name(path: &str, error: &str) -> String {
    let missing = error.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    match (path, missing) {
        (".", Some(argument)) => format!("missing argument `{argument}`"),
        (".", None) => error.to_owned(),
        (path, _) => format!("argument `{path}`: {error}"),
    }
}
