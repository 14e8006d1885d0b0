//! Reads values that have more than one form. JSON has no bytes: a 128-bit number is shown to people as the list of its
//! 16 bytes. They may pass that list to `call`, or write the number as a text.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::de::{self, SeqAccess, Unexpected, Visitor};

/// A 128-bit number, which this crate writes as 16 bytes, big endian.
pub(super) trait Wide: Copy + FromStr {
    /// The number with these bytes.
    fn from_bytes(bytes: [u8; 16]) -> Self;

    /// Passes it to a visitor.
    fn visit<'de, V: Visitor<'de>, E: de::Error>(self, visitor: V) -> Result<V::Value, E>;
}

impl Wide for u128 {
    fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_be_bytes(bytes)
    }

    fn visit<'de, V: Visitor<'de>, E: de::Error>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_u128(self)
    }
}

impl Wide for i128 {
    fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_be_bytes(bytes)
    }

    fn visit<'de, V: Visitor<'de>, E: de::Error>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_i128(self)
    }
}

/// Reads a 128-bit number: 16 bytes, a list of 16 bytes, a smaller number, or a text of digits.
pub(super) struct WideVisitor<V, N> {
    visitor: V,
    number: PhantomData<fn() -> N>,
}

impl<V, N> WideVisitor<V, N> {
    pub(super) fn new(visitor: V) -> Self {
        Self { visitor, number: PhantomData }
    }
}

impl<'de, V: Visitor<'de>, N: Wide> Visitor<'de> for WideVisitor<V, N> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<V::Value, E> {
        self.visitor.visit_i64(value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<V::Value, E> {
        self.visitor.visit_u64(value)
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<V::Value, E> {
        self.visitor.visit_i128(value)
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<V::Value, E> {
        self.visitor.visit_u128(value)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<V::Value, E> {
        match text.parse::<N>() {
            Ok(number) => number.visit(self.visitor),
            Err(_) => Err(E::invalid_value(Unexpected::Str(text), &self.visitor)),
        }
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<V::Value, E> {
        match bytes.try_into() {
            Ok(bytes) => N::from_bytes(bytes).visit(self.visitor),
            Err(_) => Err(E::invalid_length(bytes.len(), &"16 bytes")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<V::Value, A::Error> {
        let mut bytes = [0; 16];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = list.next_element()?.ok_or_else(|| de::Error::invalid_length(at, &"16 bytes"))?;
        }
        N::from_bytes(bytes).visit(self.visitor)
    }
}

/// Reads a struct without fields. It may be nil, an empty list (the form in which it is written), or an empty map (a
/// call without arguments).
pub(super) struct EmptyVisitor<V>(pub(super) V);

impl<'de, V: Visitor<'de>> Visitor<'de> for EmptyVisitor<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<V::Value, A::Error> {
        match list.next_element::<de::IgnoredAny>()? {
            None => self.0.visit_unit(),
            Some(_) => Err(de::Error::invalid_type(Unexpected::Seq, &self.0)),
        }
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<V::Value, A::Error> {
        // A call of a newer program may have arguments that this program does not know.
        while map.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
        self.0.visit_unit()
    }
}
