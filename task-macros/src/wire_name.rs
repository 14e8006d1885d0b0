//! Derives the name of an argument in queued calls.
//!
//! A running program asks serde for the names. This module gives their order, without aliases, and the names beside a
//! flattened argument, where serde gives none.

use syn::{Attribute, Expr, Ident, LitStr, Token, ext::IdentExt, meta::ParseNestedMeta};

/// The case in which `#[serde(rename_all = "..")]` writes field names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// As written, which serde calls `snake_case` and `lowercase` for fields.
    AsWritten,
    /// `UPPERCASE` or `SCREAMING_SNAKE_CASE`.
    Upper,
    /// `PascalCase`.
    Pascal,
    /// `camelCase`.
    Camel,
    /// `kebab-case`.
    Kebab,
    /// `SCREAMING-KEBAB-CASE`.
    UpperKebab,
}

impl Case {
    /// The case in a struct's attributes.
    pub(crate) fn of(attributes: &[Attribute]) -> Self {
        match Serde::of(attributes, "rename_all").name.as_deref() {
            Some("UPPERCASE" | "SCREAMING_SNAKE_CASE") => Self::Upper,
            Some("PascalCase") => Self::Pascal,
            Some("camelCase") => Self::Camel,
            Some("kebab-case") => Self::Kebab,
            Some("SCREAMING-KEBAB-CASE") => Self::UpperKebab,
            _ => Self::AsWritten,
        }
    }

    fn apply(self, name: &str) -> String {
        let capital = |word: &str| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
        };
        let pascal = || name.split('_').map(capital).collect::<String>();
        match self {
            Self::AsWritten => name.to_owned(),
            Self::Upper => name.to_ascii_uppercase(),
            Self::Pascal => pascal(),
            Self::Camel => {
                let mut camel = pascal();
                if let Some(first) = camel.get_mut(..1) {
                    first.make_ascii_lowercase();
                }
                camel
            }
            Self::Kebab => name.replace('_', "-"),
            Self::UpperKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

/// The name of an argument in queued calls: its own, unless serde's attributes give another. `None` if it is skipped or
/// flattened.
pub(crate) fn wire_name(name: &Ident, attributes: &[Attribute], case: Case) -> Option<String> {
    let serde = Serde::of(attributes, "rename");
    (!serde.nameless).then(|| serde.name.unwrap_or_else(|| case.apply(&name.unraw().to_string())))
}

/// The serde attributes of an argument.
#[derive(Default)]
struct Serde {
    /// The value of the requested key, for reading.
    name: Option<String>,
    nameless: bool,
}

impl Serde {
    fn of(attributes: &[Attribute], key: &str) -> Self {
        let mut said = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            // Serde's derive reports attributes that serde does not understand.
            let _ = attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident(key) && meta.input.peek(Token![=]) {
                    said.name = Some(meta.value()?.parse::<LitStr>()?.value());
                    return Ok(());
                }
                if meta.path.is_ident(key) {
                    return meta.parse_nested_meta(|way| {
                        let name = way.value()?.parse::<LitStr>()?.value();
                        if way.path.is_ident("deserialize") {
                            said.name = Some(name);
                        }
                        Ok(())
                    });
                }
                let nameless = ["skip", "skip_deserializing", "flatten"];
                said.nameless |= nameless.iter().any(|nameless| meta.path.is_ident(nameless));
                pass_over(&meta)
            });
        }
        said
    }
}

/// Skips `= value` or `(..)`.
fn pass_over(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        meta.input.parse::<proc_macro2::Group>()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use syn::{ItemStruct, parse_quote};

    use super::*;

    fn names(fields: &ItemStruct) -> Vec<String> {
        let case = Case::of(&fields.attrs);
        fields.fields.iter().filter_map(|field| wire_name(field.ident.as_ref().unwrap(), &field.attrs, case)).collect()
    }

    #[test]
    fn is_that_of_the_field_unless_serde_has_another() {
        let fields = parse_quote! {
            struct Args {
                to: String,
                r#type: String,
                #[serde(default = "size", with(a, b), rename = "size")] bytes: u64,
                #[serde(rename(serialize = "a", deserialize = "b"))] both: u64,
                #[serde(skip)] cache: u64,
                #[serde(flatten)] rest: Rest,
            }
        };
        assert_eq!(names(&fields), ["to", "type", "size", "b"]);
    }

    #[test]
    fn is_in_the_case_of_its_struct() {
        let fields = parse_quote! {
            #[serde(default, rename_all(deserialize = "camelCase"))]
            struct Args { first_name: String, #[serde(rename = "last_name")] last: String, r#type: u8 }
        };
        assert_eq!(names(&fields), ["firstName", "last_name", "type"]);
    }
}
