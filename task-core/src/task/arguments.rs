//! Reading the arguments of a call, and saying which of them is wrong.

use rmp::Marker;
use rmp_serde::decode::Error;
use serde_path_to_error::Path;

use super::{
    Task,
    secret::{self, UNREADABLE},
};
use crate::{
    panics::guard,
    wire::{Json, Reader, decode_args, encode_args, excerpt},
};

/// The most bytes of a path to a wrong argument: keys of maps are in it.
const MAX_PATH_BYTES: usize = 400;

/// What `MessagePack` has for a call without arguments: an empty map.
const NONE: &[u8] = &[0x80];

/// Reads the arguments of a call.
///
/// # Errors
/// Says which argument is wrong, and how.
pub fn read<T: Task>(bytes: &[u8]) -> Result<T::Args, String> {
    decode_args(bytes).map_err(|error| {
        // Only here, since following the path costs an allocation for each argument.
        match serde_path_to_error::deserialize::<_, T::Args>(Reader::of(bytes).short()) {
            Ok(_) => error.to_string(),
            Err(error) => explain(error.path(), &error.inner().0),
        }
    })
}

/// Reads the arguments of a task that has a schedule, whose runs are called without any.
pub fn read_or_default<T: Task<Args: Default>>(bytes: &[u8]) -> Result<T::Args, String> {
    if bytes == NONE { Ok(T::Args::default()) } else { read::<T>(bytes) }
}

/// What is wrong with the arguments of a call.
pub fn check<T: Task>(bytes: &[u8]) -> Result<(), String> {
    checked(|| read::<T>(bytes).map(drop))
}

/// What is wrong with the arguments of a task that has a schedule.
pub fn check_or_default<T: Task<Args: Default>>(bytes: &[u8]) -> Result<(), String> {
    checked(|| read_or_default::<T>(bytes).map(drop))
}

fn checked(read: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    guard(read).unwrap_or_else(|panic| Err(panic.during("while they were read")))
}

/// The arguments of a call as JSON, for people: as the task reads them, without secrets. `None` if they are not its
/// arguments: nobody can tell then where a secret is.
pub fn show<T: Task>(bytes: &[u8]) -> Option<Json> {
    if bytes == NONE {
        return Json::of(NONE).ok();
    }
    let shown = guard(|| {
        let args: T::Args = decode_args(bytes).ok()?;
        let mut shown = Vec::new();
        secret::hidden(|| encode_args(&args, &mut shown)).ok()?;
        Some(shown)
    });
    Json::of(shown.ok()??).ok()
}

/// The error, with the argument that has it.
fn explain(path: &Path, error: &Error) -> String {
    let said = match error {
        // It names the marker byte, which nobody has written.
        Error::TypeMismatch(marker) => format!("invalid type: {}", kind(*marker)),
        error => error.to_string(),
    };
    match path.iter().next() {
        // What is beyond may be the secret's.
        Some(argument) if said == UNREADABLE => format!("argument `{}`: {said}", excerpt(argument, MAX_PATH_BYTES)),
        Some(_) => format!("argument `{}`: {said}", excerpt(path, MAX_PATH_BYTES)),
        None => of_all(said),
    }
}

/// The error of all arguments together.
fn of_all(said: String) -> String {
    // What stands in place of all arguments may be the secret among them.
    if let Some((_, expected)) = said.strip_prefix("invalid type: ").and_then(|said| said.rsplit_once(", expected ")) {
        return format!("invalid type, expected {expected}");
    }
    match said.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        Some(argument) => format!("missing argument `{argument}`"),
        None => said,
    }
}

/// What stands behind a marker, in serde's words.
fn kind(marker: Marker) -> &'static str {
    match marker {
        Marker::Null => "null",
        Marker::True | Marker::False => "boolean",
        Marker::FixPos(_)
        | Marker::FixNeg(_)
        | Marker::U8
        | Marker::U16
        | Marker::U32
        | Marker::U64
        | Marker::I8
        | Marker::I16
        | Marker::I32
        | Marker::I64 => "integer",
        Marker::F32 | Marker::F64 => "floating point",
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => "string",
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => "byte array",
        Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => "sequence",
        Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => "map",
        _ => "extension of MessagePack",
    }
}
