//! Reads lists up to a limit, since small items take many times the memory of their bytes.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};

/// The limit of a list.
#[derive(Clone, Copy)]
pub(crate) struct AtMost {
    pub(crate) most: usize,
    /// The name of its items, in the plural.
    pub(crate) what: &'static str,
}

impl AtMost {
    /// Reads a list. Exceeding the limit is an error.
    pub(crate) fn read<'de, T: Deserialize<'de>, D: Deserializer<'de>>(self, list: D) -> Result<Vec<T>, D::Error> {
        list.deserialize_seq(Items { limit: self, item: PhantomData })
    }
}

struct Items<T> {
    limit: AtMost,
    item: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.limit.what)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let AtMost { most, what } = self.limit;
        let mut items = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(most));
        while let Some(item) = seq.next_element()? {
            if items.len() == most {
                return Err(A::Error::custom(format_args!("more than {most} {what}")));
            }
            items.push(item);
        }
        Ok(items)
    }
}
