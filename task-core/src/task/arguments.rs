//! Reads the arguments of a call, and names the one that is wrong.

use rmp::Marker;
use rmp_serde::decode::Error;
use serde_json::{Number, Value};
use serde_path_to_error::Path;

use super::{
    Task,
    secret::{self, UNREADABLE},
};
use crate::{
    panics::guard,
    wire::{Json, Reader, Short, Unlike, Way, decode_args, encode_args, excerpt, read_back},
};

/// The most bytes of the path to a wrong argument, which may contain keys of maps.
const MAX_PATH_BYTES: usize = 400;

/// The `MessagePack` of a call without arguments: an empty map.
const NONE: &[u8] = &[0x80];

/// Reads the arguments of a call.
///
/// # Errors
/// Says which argument is wrong, and how.
pub fn read<T: Task>(bytes: &[u8]) -> Result<T::Args, String> {
    decode_args(bytes).map_err(|error| {
        // Only after an error, since tracking the path costs an allocation for each argument.
        match serde_path_to_error::deserialize::<_, T::Args>(Reader::of(bytes).short()) {
            Ok(_) => error.to_string(),
            Err(error) => explain(error.path(), said(&error.inner().0)),
        }
    })
}

/// Encodes the arguments of a call.
///
/// # Errors
/// The error of an argument's type that cannot be serialised.
pub(crate) fn encode<T: Task>(args: &T::Args, out: &mut Vec<u8>) -> Result<(), String> {
    encode_args(args, out).map_err(|error| error.to_string())
}

/// Reads the arguments of a new call as a worker will. If they cannot be read, or read back differently, the call must
/// not be accepted.
///
/// # Errors
/// Says which argument is wrong, and how.
pub(crate) fn verify<T: Task>(bytes: &[u8]) -> Result<Way, String> {
    let back = guard(|| read_back::<T::Args>(bytes)).map_err(|panic| panic.during("while they were read back"))?;
    back.map_err(|unlike| match unlike {
        Unlike::Unreadable => read::<T>(bytes).err().unwrap_or_else(|| "they are read only sometimes".to_owned()),
        Unlike::Changed(Some(argument)) => {
            format!("argument `{}` would be read as another value", excerpt(argument, MAX_PATH_BYTES))
        }
        Unlike::Changed(None) => "they would be read as other values".to_owned(),
    })
}

/// Encodes arguments given as JSON, just as this program's own calls encode them.
///
/// # Errors
/// Says which argument is wrong, and how.
pub fn accept<T: Task>(given: &Value) -> Result<Vec<u8>, String> {
    let mut given = given.clone();
    plain(&mut given);
    let args: T::Args = serde_path_to_error::deserialize(Short(&given))
        .map_err(|error| explain(error.path(), error.inner().to_string()))?;
    let mut bytes = Vec::new();
    encode::<T>(&args, &mut bytes)?;
    verify::<T>(&bytes)?;
    Ok(bytes)
}

/// Encodes arguments of a task that has a schedule. Its runs have no arguments.
///
/// # Errors
/// As [`accept`].
pub fn accept_or_default<T: Task<Args: Default>>(given: &Value) -> Result<Vec<u8>, String> {
    if given.as_object().is_some_and(serde_json::Map::is_empty) { Ok(NONE.to_vec()) } else { accept::<T>(given) }
}

/// Reads the arguments of a task that has a schedule, whose runs are called without any.
pub fn read_or_default<T: Task<Args: Default>>(bytes: &[u8]) -> Result<T::Args, String> {
    if bytes == NONE { Ok(T::Args::default()) } else { read::<T>(bytes) }
}

/// Gives numbers the form of their types. With its feature `arbitrary_precision`, which any crate of a program may turn
/// on, `serde_json` keeps a number as it was written and hands out a number like `1.50` as a map.
fn plain(value: &mut Value) {
    match value {
        Value::Number(number) if !number.is_u64() && !number.is_i64() => {
            if let Some(real) = number.as_f64().filter(|_| number.is_f64()).and_then(Number::from_f64) {
                *number = real;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(plain),
        Value::Object(values) => values.values_mut().for_each(plain),
        _ => {}
    }
}

/// Checks the arguments of a call.
pub fn check<T: Task>(bytes: &[u8]) -> Result<(), String> {
    checked(|| read::<T>(bytes).map(drop))
}

/// Checks the arguments of a task that has a schedule.
pub fn check_or_default<T: Task<Args: Default>>(bytes: &[u8]) -> Result<(), String> {
    checked(|| read_or_default::<T>(bytes).map(drop))
}

fn checked(read: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    guard(read).unwrap_or_else(|panic| Err(panic.during("while they were read")))
}

/// The arguments of a call as JSON, for people: as the task reads them, without secrets. `None` if they do not decode
/// to its arguments, since the place of a secret is unknown then.
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

/// The decoder's message.
fn said(error: &Error) -> String {
    match error {
        // It names the marker byte, which means nothing to the caller.
        Error::TypeMismatch(marker) => format!("invalid type: {}", kind(*marker)),
        error => error.to_string(),
    }
}

/// The message, with the argument that it is about.
fn explain(path: &Path, said: String) -> String {
    match path.iter().next() {
        // The rest of the path may be part of the secret.
        Some(argument) if said == UNREADABLE => format!("argument `{}`: {said}", excerpt(argument, MAX_PATH_BYTES)),
        Some(_) => format!("argument `{}`: {said}", excerpt(path, MAX_PATH_BYTES)),
        None => of_all(said),
    }
}

/// The error that concerns all arguments together.
fn of_all(said: String) -> String {
    // The value in the place of all arguments may be the secret among them.
    if let Some((_, expected)) = said.strip_prefix("invalid type: ").and_then(|said| said.rsplit_once(", expected ")) {
        return format!("invalid type, expected {expected}");
    }
    match said.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        Some(argument) => format!("missing argument `{argument}`"),
        None => said,
    }
}

/// The name of a marker's type, in serde's words.
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
