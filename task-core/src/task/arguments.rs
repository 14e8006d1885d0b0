//! Reading the arguments of a call, and saying which of them is wrong.

use rmp_serde::decode::Error;
use serde::de::Unexpected;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::Task;
use crate::wire::{decode_args, deserializer, to_json};

/// What `MessagePack` has for a call without arguments: an empty map.
const NONE: &[u8] = &[0x80];

/// Reads the arguments of a call.
///
/// # Errors
/// Says which argument is wrong, and how.
pub fn read<T: Task>(bytes: &[u8]) -> Result<T::Args, String> {
    decode_args(bytes).map_err(|error| {
        // Only here, since following the path costs an allocation for each argument.
        match serde_path_to_error::deserialize::<_, T::Args>(&mut deserializer(bytes)) {
            Ok(_) => error.to_string(),
            Err(error) => explain(bytes, error.path(), error.inner()),
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
fn explain(bytes: &[u8], path: &Path, error: &Error) -> String {
    let said = match error {
        // It names the marker byte, which nobody has written.
        Error::TypeMismatch(_) => format!("invalid type: {}", found(bytes, path)),
        error => error.to_string(),
    };
    if path.iter().next().is_some() {
        return format!("argument `{path}`: {said}");
    }
    match said.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        Some(argument) => format!("missing argument `{argument}`"),
        None => said,
    }
}

/// What stands at a place in the arguments.
fn found(bytes: &[u8], path: &Path) -> String {
    let args = to_json(bytes).unwrap_or_default();
    let value = path.iter().fold(&args, |value, segment| match segment {
        Segment::Map { key } => &value[key],
        Segment::Seq { index } => &value[index],
        Segment::Enum { .. } | Segment::Unknown => value,
    });
    let unexpected = match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Unexpected::Unsigned(number),
            (None, Some(number)) => Unexpected::Signed(number),
            (None, None) => Unexpected::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    };
    unexpected.to_string()
}
