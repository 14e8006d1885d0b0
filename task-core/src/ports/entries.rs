//! Reads results and failures as a ledger stores them: one value has the entries of many calls, and a reader wants
//! those of one call.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserializer,
    de::{DeserializeOwned, Error as _, SeqAccess, Visitor},
};

use super::{Failure, ResultRow};
use crate::wire::Reader;

/// The most entries of one call in one value: no call makes as many attempts in one run.
const MAX_ENTRIES: usize = 4096;

/// An entry of a value that has the entries of many calls.
pub trait Entry: DeserializeOwned {
    /// The call's index in its batch.
    fn index(&self) -> u64;
}

impl Entry for ResultRow {
    fn index(&self) -> u64 {
        self.index
    }
}

impl Entry for Failure {
    fn index(&self) -> u64 {
        self.index
    }
}

/// Reads the entries of one call, in the order they were written. Entries of other calls take no memory.
///
/// # Errors
/// The bytes are no list of such entries, or have more than 4,096 for the call.
pub fn entries<T: Entry>(bytes: &[u8], index: u64) -> Result<Vec<T>, rmp_serde::decode::Error> {
    Reader::of(bytes).short().deserialize_seq(About { index, entry: PhantomData }).map_err(|error| error.0)
}

struct About<T> {
    index: u64,
    entry: PhantomData<T>,
}

impl<'de, T: Entry> Visitor<'de> for About<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries about calls")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut found = Vec::new();
        while let Some(entry) = seq.next_element::<T>()? {
            if entry.index() != self.index {
                continue;
            }
            if found.len() == MAX_ENTRIES {
                return Err(A::Error::custom(format_args!(
                    "more than {MAX_ENTRIES} entries about call {}",
                    self.index
                )));
            }
            found.push(entry);
        }
        Ok(found)
    }
}
