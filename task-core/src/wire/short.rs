//! A deserializer with short errors. Serde puts a text that is in the wrong place into its error, whole and escaped,
//! and a text may have 16 MiB. An error would hold up to six copies of it, of which people see 2,000 bytes. So each
//! text is cut before it gets into an error.
//!
//! [`Short`] wraps a deserializer and all that serde passes on while it reads: visitors, seeds, lists, maps. Reading is
//! unchanged, except for values with [more than one form](super::loose). It also notes when serde
//! [buffers](super::read_back).

use std::fmt::{self, Display, Write as _};

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::{
    loose::{EmptyVisitor, WideVisitor},
    read_back::note_buffered,
};

/// The most bytes shown of a value in the wrong place.
const MAX_VALUE_BYTES: usize = 160;

/// The most bytes of a type's own message about a wrong value: the size that is kept of an error.
const MAX_SAID_BYTES: usize = 2000;

/// A wrapper that shortens errors.
#[derive(Debug)]
pub(crate) struct Short<T>(pub(crate) T);

impl<T> Short<T> {
    fn inner(self) -> T {
        self.0
    }
}

/// A value's text, cut to this many bytes. The rest is never formatted.
pub(crate) fn excerpt(said: impl Display, most: usize) -> String {
    struct Excerpt {
        text: String,
        most: usize,
    }
    impl fmt::Write for Excerpt {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let room = self.most - self.text.len();
            if part.len() <= room {
                self.text.push_str(part);
                return Ok(());
            }
            self.text.push_str(&part[..part.floor_char_boundary(room)]);
            Err(fmt::Error)
        }
    }
    let mut excerpt = Excerpt { text: String::new(), most };
    if write!(excerpt, "{said}").is_err() {
        excerpt.text.push('…');
    }
    excerpt.text
}

impl<E: Display> Display for Short<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: std::error::Error> std::error::Error for Short<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl<E: de::Error> de::Error for Short<E> {
    fn custom<T: Display>(said: T) -> Self {
        Self(E::custom(excerpt(said, MAX_SAID_BYTES)))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        cut(found, |found| Self(E::invalid_type(found, expected)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        cut(found, |found| Self(E::invalid_value(found, expected)))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self(E::invalid_length(length, expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self(E::unknown_variant(&excerpt(variant, MAX_VALUE_BYTES), expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self(E::unknown_field(&excerpt(field, MAX_VALUE_BYTES), expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self(E::missing_field(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self(E::duplicate_field(field))
    }
}

fn cut<R>(found: Unexpected<'_>, error: impl FnOnce(Unexpected<'_>) -> R) -> R {
    match found {
        Unexpected::Str(text) => error(Unexpected::Str(&excerpt(text, MAX_VALUE_BYTES))),
        Unexpected::Other(text) => error(Unexpected::Other(&excerpt(text, MAX_VALUE_BYTES))),
        found => error(found),
    }
}

macro_rules! deserialize {
    ($($name:ident($($arg:ident: $type:ty),*))*) => {$(
        #[inline]
        fn $name<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, Self::Error> {
            self.0.$name($($arg,)* Short(visitor)).map_err(Short)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Short<D> {
    type Error = Short<D::Error>;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        note_buffered();
        self.0.deserialize_any(Short(visitor)).map_err(Short)
    }

    #[inline]
    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.0.deserialize_any(Short(WideVisitor::<V, i128>::new(visitor))).map_err(Short)
    }

    #[inline]
    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.0.deserialize_any(Short(WideVisitor::<V, u128>::new(visitor))).map_err(Short)
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        self.0.deserialize_any(Short(EmptyVisitor(visitor))).map_err(Short)
    }

    deserialize! {
        deserialize_bool()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string()
        deserialize_bytes() deserialize_byte_buf() deserialize_option() deserialize_unit()
        deserialize_newtype_struct(name: &'static str)
        deserialize_seq() deserialize_tuple(len: usize) deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map() deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_identifier() deserialize_ignored_any()
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! visit {
    ($($name:ident($($value:ident: $type:ty)?))*) => {$(
        #[inline]
        fn $name<E: de::Error>(self, $($value: $type)?) -> Result<V::Value, E> {
            self.0.$name($($value)?).map_err(Short::inner)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Short<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visit! {
        visit_bool(value: bool)
        visit_i8(value: i8) visit_i16(value: i16) visit_i32(value: i32) visit_i64(value: i64) visit_i128(value: i128)
        visit_u8(value: u8) visit_u16(value: u16) visit_u32(value: u32) visit_u64(value: u64) visit_u128(value: u128)
        visit_f32(value: f32) visit_f64(value: f64) visit_char(value: char)
        visit_str(value: &str) visit_borrowed_str(value: &'de str) visit_string(value: String)
        visit_bytes(value: &[u8]) visit_borrowed_bytes(value: &'de [u8]) visit_byte_buf(value: Vec<u8>)
        visit_none() visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Short(deserializer)).map_err(Short::inner)
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Short(deserializer)).map_err(Short::inner)
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Short(seq)).map_err(Short::inner)
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Short(map)).map_err(Short::inner)
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Short(data)).map_err(Short::inner)
    }
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Short<T> {
    type Value = T::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T::Value, D::Error> {
        self.0.deserialize(Short(deserializer)).map_err(Short::inner)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Short<A> {
    type Error = Short<A::Error>;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Self::Error> {
        self.0.next_element_seed(Short(seed)).map_err(Short)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Short<A> {
    type Error = Short<A::Error>;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        self.0.next_key_seed(Short(seed)).map_err(Short)
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Self::Error> {
        self.0.next_value_seed(Short(seed)).map_err(Short)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Short<A> {
    type Error = Short<A::Error>;
    type Variant = Short<A::Variant>;

    #[inline]
    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self::Variant), Self::Error> {
        let (value, variant) = self.0.variant_seed(Short(seed)).map_err(Short)?;
        Ok((value, Short(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Short<A> {
    type Error = Short<A::Error>;

    fn unit_variant(self) -> Result<(), Self::Error> {
        self.0.unit_variant().map_err(Short)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Self::Error> {
        self.0.newtype_variant_seed(Short(seed)).map_err(Short)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Self::Error> {
        self.0.tuple_variant(len, Short(visitor)).map_err(Short)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.struct_variant(fields, Short(visitor)).map_err(Short)
    }
}
