//! The places where a type can stand in another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The places that serde has for a type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Plain<T> {
    one: T,
    #[serde(rename = "other-one")]
    other: Option<T>,
    list: Vec<T>,
    pair: (u8, T),
    map: BTreeMap<String, T>,
    variant: Variant<T>,
    beside: Beside<T>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Variant<T> {
    NothingAtAll,
    New(T),
    Tuple(T, u8),
    Named { it: T },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "is")]
pub(super) enum Beside<T> {
    Nothing,
    New(T),
    Named { it: T },
}

/// The places where serde reads a type through a buffer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Buffered<T> {
    id: u8,
    inner: Inside<T>,
    loose: Vec<Loose<T>>,
    #[serde(flatten)]
    flat: Flat<T>,
    #[serde(flatten)]
    maybe: Option<Maybe<T>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(super) enum Inside<T> {
    Named { it: T },
    New(Flat<T>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Loose<T> {
    Named { it: T },
    Nothing { nothing: bool },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Flat<T> {
    flat: T,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Maybe<T> {
    maybe: T,
}

impl<T: Clone> Plain<T> {
    pub(super) fn of(it: &T) -> [Self; 3] {
        let (it, other) = (|| it.clone(), || Some(it.clone()));
        let all = |variant, beside| Self {
            one: it(),
            other: other(),
            list: vec![it(), it()],
            pair: (7, it()),
            map: [("key".to_owned(), it())].into(),
            variant,
            beside,
        };
        [
            all(Variant::New(it()), Beside::New(it())),
            all(Variant::Tuple(it(), 1), Beside::Named { it: it() }),
            Self { other: None, list: vec![], ..all(Variant::Named { it: it() }, Beside::Nothing) },
        ]
    }
}

impl<T: Clone> Buffered<T> {
    pub(super) fn of(it: &T) -> [Self; 2] {
        let it = || it.clone();
        let (flat, loose) = (|| Flat { flat: it() }, vec![Loose::Named { it: it() }, Loose::Nothing { nothing: true }]);
        [
            Self { id: 1, inner: Inside::Named { it: it() }, loose, flat: flat(), maybe: Some(Maybe { maybe: it() }) },
            Self { id: 2, inner: Inside::New(flat()), loose: vec![], flat: flat(), maybe: None },
        ]
    }
}
