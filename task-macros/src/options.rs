//! Parses the options in `#[task(..)]`.
//!
//! The macro knows two keys, `name` and `state(..)`. Every other key becomes a call of the builder method with that
//! name, so that a new option needs no change here, and a typo or a value out of range is the compiler's own error at
//! that place.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{
    Expr, Ident, Token, Type, parenthesized,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
    spanned::Spanned,
    token::Paren,
};

use crate::{
    errors::Errors,
    expand::{variable, variable_at},
};

/// The options of a task, each key once.
#[derive(Default)]
pub(crate) struct Options {
    seen: Vec<Ident>,
    name: Option<Expr>,
    states: Vec<Type>,
    /// A statement for each: in one chain of calls, the compiler would show the whole chain for one mistake.
    settings: TokenStream,
}

enum Setting {
    Value(Ident, Expr),
    Flag(Ident),
    States(Ident, Vec<Type>),
}

impl Options {
    /// Adds the options of one attribute.
    pub(crate) fn read(&mut self, attribute: TokenStream, errors: &mut Errors) {
        let settings = match Punctuated::<Setting, Token![,]>::parse_terminated.parse2(attribute) {
            Ok(settings) => settings,
            Err(error) => return errors.push(error),
        };
        for setting in settings {
            let key = setting.key();
            if self.seen.contains(key) {
                errors.at(key, format!("`{key}` is given twice"));
                continue;
            }
            self.seen.push(key.clone());
            self.add(setting);
        }
    }

    fn add(&mut self, setting: Setting) {
        let statement = match setting {
            Setting::Value(key, value) if key == "name" => return self.name = Some(value),
            Setting::States(_, states) => return self.states.extend(states),
            Setting::Value(key, value) => {
                let options = variable_at("__options", value.span());
                quote_spanned!(value.span()=> let #options = #options.#key(#value);)
            }
            Setting::Flag(key) => {
                let options = variable_at("__options", key.span());
                quote_spanned!(key.span()=> let #options = #options.#key();)
            }
        };
        self.settings.extend(statement);
    }

    /// The types of `state(..)`.
    pub(crate) fn states(&self) -> &[Type] {
        &self.states
    }

    /// The key `schedule`, if it is given.
    pub(crate) fn schedule(&self) -> Option<&Ident> {
        self.seen.iter().find(|key| *key == "schedule")
    }

    /// The task's name: the one given, else that of the item.
    pub(crate) fn name(&self, item: &Ident) -> TokenStream {
        if let Some(name) = &self.name {
            return quote!(#name);
        }
        let name = syn::ext::IdentExt::unraw(item).to_string();
        quote_spanned!(item.span()=> #name)
    }

    /// Statements that set all given options and end in the value. `name` is the constant that holds the name.
    pub(crate) fn builder(&self, name: &TokenStream, item: &Ident) -> TokenStream {
        let span = self.name.as_ref().map_or_else(|| item.span(), Spanned::span);
        let settings = &self.settings;
        let (options, options_here) = (variable("__options"), variable_at("__options", span));
        let named = quote_spanned!(span=> let #options_here = ::celeriac::__private::Options::new().name(#name););
        quote!({ #named #settings #options })
    }
}

impl Setting {
    fn key(&self) -> &Ident {
        let (Self::Value(key, _) | Self::Flag(key) | Self::States(key, _)) = self;
        key
    }
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key: Ident = input.parse()?;
        if key == "state" {
            if !input.peek(Paren) {
                return Err(syn::Error::new(
                    key.span(),
                    "write `state(T)` with the type that `app.state(..)` provides",
                ));
            }
            let types;
            parenthesized!(types in input);
            let types = Punctuated::<Type, Token![,]>::parse_terminated(&types)?;
            return Ok(Self::States(key, types.into_iter().collect()));
        }
        if input.parse::<Option<Token![=]>>()?.is_some() {
            return Ok(Self::Value(key, input.parse()?));
        }
        if input.is_empty() || input.peek(Token![,]) {
            return Ok(Self::Flag(key));
        }
        Err(input.error(format!("write `{key} = value`")))
    }
}
