//! Finds the names by which serde reads a task's arguments. It asks serde, since attributes such as `rename_all` and
//! `from`, and a handwritten `Deserialize`, decide them.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
    forward_to_deserialize_any,
};

use super::Task;

/// The names of a task's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// These, aliases among them, and no others.
    Named(&'static [&'static str]),
    /// Any: some arguments are flattened, or a type reads them by itself.
    Open,
}

/// Asks serde for the names of a task's arguments.
pub fn fields<T: Task>() -> Fields {
    match T::Args::deserialize(Probe) {
        Err(Asked(fields)) => fields,
        Ok(_) => Fields::Open,
    }
}

/// Holds no data. Its error carries the names that serde asks for.
struct Probe;

#[derive(Debug)]
struct Asked(Fields);

impl<'de> Deserializer<'de> for Probe {
    type Error = Asked;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked(Fields::Open))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked(Fields::Named(fields)))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, Asked> {
        Err(Asked(Fields::Named(&[])))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Asked> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing is here to be read")
    }
}

impl std::error::Error for Asked {}

impl de::Error for Asked {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(Fields::Open)
    }
}
