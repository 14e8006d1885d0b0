//! The name of an argument in queued calls.

use syn::{Attribute, Expr, Ident, LitStr, Token, ext::IdentExt, meta::ParseNestedMeta};

/// The name of an argument in queued calls: its own, unless `#[serde(rename = "..")]` gives another.
pub(crate) fn wire_name(name: &Ident, attributes: &[Attribute]) -> String {
    let mut renamed = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        // What serde itself does not understand is its derive's to report.
        let _ = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename") && meta.input.peek(Token![=]) {
                renamed = Some(meta.value()?.parse::<LitStr>()?.value());
                return Ok(());
            }
            skip(&meta)
        });
    }
    renamed.unwrap_or_else(|| name.unraw().to_string())
}

/// Reads past `= value` or `(..)`.
fn skip(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
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

    #[test]
    fn is_that_of_the_field_unless_serde_has_another() {
        let fields: ItemStruct = parse_quote! {
            struct Args {
                to: String,
                r#type: String,
                #[serde(default = "size", with(a, b), rename = "size")] bytes: u64,
                #[serde(rename(serialize = "a", deserialize = "b"))] both: u64,
            }
        };
        let names: Vec<_> =
            fields.fields.iter().map(|field| wire_name(field.ident.as_ref().unwrap(), &field.attrs)).collect();
        assert_eq!(names, ["to", "type", "size", "both"]);
    }
}
