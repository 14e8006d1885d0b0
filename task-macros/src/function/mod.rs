//! Expands `#[task]` on a function.

mod argument;
mod emit;
mod types;
mod validate;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ItemFn;

pub(crate) use self::validate::Function;
use crate::{errors::Errors, options::Options};

/// Expands `#[task(options)] item`.
pub(crate) fn task(attribute: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let mut options = Options::default();
    options.read(attribute, &mut errors);
    let Ok(written) = syn::parse2::<ItemFn>(item.clone()) else {
        errors.push(syn::Error::new(
            Span::call_site(),
            "#[task] goes on a function; for a struct write #[derive(Task)] and `impl Perform` for it",
        ));
        return quote!(#errors #item);
    };
    match Function::validate(written, &options, &mut errors) {
        Ok(function) => {
            let task = emit::task(&function, &options);
            quote!(#errors #task)
        }
        Err(refused) => {
            let placeholder = emit::placeholder(&refused);
            quote!(#errors #placeholder)
        }
    }
}
