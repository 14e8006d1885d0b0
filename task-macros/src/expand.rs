//! Emits the code that functions and structs share: `impl Task`, and the registration.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;

use crate::options::Options;

/// A task and its registration.
pub(crate) struct Registration<'a> {
    /// The type that is the task.
    pub(crate) task: &'a Ident,
    /// The name of the function or struct as written.
    pub(crate) item: &'a Ident,
    pub(crate) options: &'a Options,
    /// Whether it is a plain function.
    pub(crate) is_plain: bool,
    /// The type of its arguments.
    pub(crate) args: TokenStream,
    /// `type Output = ..`, the type that a caller gets back.
    pub(crate) output: TokenStream,
    /// The names of its arguments, in order.
    pub(crate) names: Vec<String>,
    /// The types of the states in its signature.
    pub(crate) states: Vec<&'a Type>,
    /// The function that checks encoded arguments.
    pub(crate) check: TokenStream,
    /// The function that encodes arguments given as JSON.
    pub(crate) accept: TokenStream,
    /// An expression of type `Body`.
    pub(crate) body: TokenStream,
}

impl ToTokens for Registration<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { task, item, options, args, output, names, check, accept, body, .. } = self;
        let pk = private();
        let name = options.name(item);
        let options = options.builder(&quote!(<Self as #pk::Task>::NAME), item);
        let plain = self.is_plain.then(|| quote!(.plain()));
        let states = self.states();
        tokens.extend(quote! {
            impl #pk::Task for #task {
                const NAME: &'static str = #name;
                const OPTIONS: #pk::Options = #options #plain;
                type Args = #args;
                #output
            }
            #pk::inventory::submit! {
                #pk::TaskDef {
                    name: <#task as #pk::Task>::NAME,
                    options: <#task as #pk::Task>::OPTIONS,
                    at: (::core::file!(), ::core::line!()),
                    args: &[#(#names),*],
                    fields: #pk::fields::<#task>,
                    states: &[#(#pk::state_key::<#states>),*],
                    check: #check,
                    accept: #accept,
                    show: #pk::show::<#task>,
                    body: #body,
                }
            }
        });
    }
}

impl Registration<'_> {
    /// The states in the signature and the options, each once.
    fn states(&self) -> Vec<&Type> {
        let mut seen = HashSet::new();
        let asked = self.states.iter().copied().chain(self.options.states());
        asked.filter(|ty| seen.insert(ty.to_token_stream().to_string())).collect()
    }
}

/// A variable of generated code. Its name is resolved at the macro's definition, so that it is the same variable in all
/// parts of the expansion: in a `macro_rules!` some parts come from the macro and some from its caller.
pub(crate) fn variable(name: &str) -> Ident {
    variable_at(name, Span::call_site())
}

/// The same, at a span for the compiler's errors.
pub(crate) fn variable_at(name: &str, span: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(span))
}

/// The path from which all paths in generated code start.
pub(crate) fn private() -> TokenStream {
    private_at(Span::call_site())
}

/// The same, at a span for the compiler's errors, which show a path from its first token on.
pub(crate) fn private_at(span: Span) -> TokenStream {
    quote_spanned!(span=> ::celeriac::__private)
}
